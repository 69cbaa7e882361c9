"""`duecast models`: a payment curve stands there with figures, and says of which horizon."""

import pytest
from rich.console import Console

from training.registry import Version
from training.train import headline
from ui.report import print_models

TESTED = {
    "7": {"n": 900, "roc_auc": 0.91},
    "30": {"n": 800, "roc_auc": 0.82, "average_precision": 0.7, "brier_skill": 0.3},
    "90": {"n": 0},
}


def test_the_headline_of_a_curve_is_30_days():
    assert headline(TESTED) == TESTED["30"] | {"horizon_days": 30}


@pytest.mark.parametrize(("tested", "days"), [(("7", "60"), 7), (("60", "90"), 60)])
def test_the_nearest_tested_horizon_stands_in(tested, days):
    found = {each: {"n": 5} for each in tested} | {"30": {"n": 0}}
    assert headline(found)["horizon_days"] == days


def test_a_curve_whose_windows_were_never_over_has_no_headline():
    assert headline({"7": {"n": 0}}) == headline({}) == {}


def test_the_table_says_which_horizon_the_figures_are_of():
    out = Console(width=160, record=True)
    curve = Version("payment_curve", "1", "abcdefgh12", (), {})
    other = Version("write_off", "1", "ijklmnop34", (), {})
    print_models(out, [(curve, headline(TESTED)), (other, {"n": 10.0})])
    of_curve, of_other = [line for line in out.export_text().splitlines() if " 1 " in line]
    assert "payment_curve (30 days ahead)" in of_curve
    assert "800" in of_curve
    assert "0.820" in of_curve
    assert "days ahead" not in of_other
