"""Each stretch of a rolling backtest is predicted by a model that knows nothing of it."""

import json
from functools import cache

import numpy as np
import pytest

from eventlog.errors import SettingsError
from eventlog.log import DAY, micros, timestamp
from tests.training.company import POLICY, RECIPE, company_log, company_rates
from training import origins
from training.assessment import MODEL, pool, prefix_roc_auc
from training.backtest import Backtest, NothingToTestError
from training.evaluation import metrics
from training.origins import RollingBacktest, bounds_of, run_rolling, spread
from training.plots import draw_origins

pytestmark = pytest.mark.slow

SINCE, UNTIL = micros("2021-02-01"), micros("2022-11-01")


def run(**changes) -> RollingBacktest:
    words = {"since": SINCE, "until": UNTIL, "origins": 3, "repeats": 20} | changes
    since, until = words.pop("since"), words.pop("until")
    rates = company_rates()
    return run_rolling(company_log(), "still_open", since, until, POLICY, rates, RECIPE, **words)


@cache
def rolled() -> RollingBacktest:
    """Three origins with an embargo; at the first there is too little to learn from."""
    return run(embargo_days=10)


def trained_and_tested() -> list[dict]:
    """The origins that could be trained and tested."""
    return [each for each in rolled().report["origins"] if "report" in each]


def days(bounds: list[int]) -> list[str]:
    return [f"{timestamp(bound):%Y-%m-%d}" for bound in bounds]


def test_stretches_begin_at_starts_of_months():
    assert days(bounds_of(micros("2024-01-10"), micros("2025-01-10"), 4)) == [
        "2024-01-10",
        "2024-04-01",
        "2024-07-01",
        "2024-10-01",
        "2025-01-10",
    ]


def test_short_stretches_begin_on_days():
    assert days(bounds_of(micros("2024-01-01"), micros("2024-01-31"), 3)) == [
        "2024-01-01",
        "2024-01-11",
        "2024-01-21",
        "2024-01-31",
    ]


def test_a_single_stretch_is_the_whole():
    assert bounds_of(SINCE, UNTIL, 1) == [SINCE, UNTIL]


def test_more_stretches_than_days_are_refused():
    with pytest.raises(SettingsError, match="5 origins do not fit between 2024-01-01"):
        bounds_of(micros("2024-01-01"), micros("2024-01-03"), 5)


def test_every_origin_is_tested_on_the_stretch_that_begins_there():
    found = rolled()
    begun = [each["origin"][:10] for each in found.report["origins"]]
    assert begun == ["2021-02-01", "2021-09-01", "2022-04-01"]
    bounds = bounds_of(SINCE, UNTIL, 3)[1:]
    for part, since, until in zip(found.parts, bounds[:-1], bounds[1:], strict=True):
        assert since <= part.cutoff.min()
        assert part.cutoff.max() < until


def test_a_model_knows_what_was_known_before_its_origin_less_the_embargo():
    for each in trained_and_tested():
        origin = micros(each["origin"])
        assert micros(each["train_until"]) == origin - 10 * DAY
        assert micros(each["report"]["train_until"]) == origin - 10 * DAY
        assert micros(each["report"]["test_since"]) == origin


def test_later_models_learn_from_more_rows():
    trained = [each["report"]["n_train"] for each in trained_and_tested()]
    assert trained == sorted(trained)
    assert trained[0] < trained[-1]


def test_pooled_figures_are_those_of_all_rows():
    found = rolled()
    assert found.report["n_test"] == sum(len(part.y) for part in found.parts)
    each = [
        (part.y, part.predictions[MODEL], part.balance, part.prevalence) for part in found.parts
    ]
    y, p, balance, naive = (np.concatenate(arrays) for arrays in zip(*each, strict=True))
    assert found.report["pooled"]["metrics"] == metrics(y, p, balance, naive)
    assert len(np.unique(naive)) == len(found.parts) == 2
    assert set(found.report["pooled"]["intervals"]) == set(found.rows.predictions)


def test_the_spread_is_over_the_origins():
    found = rolled().report
    values = [each["report"]["metrics"]["roc_auc"] for each in trained_and_tested()]
    told = found["spread"]["model"]["roc_auc"]
    assert told["mean"] == pytest.approx(np.mean(values))
    assert told["sd"] == pytest.approx(np.std(values, ddof=1))
    assert (told["least"], told["greatest"]) == (min(values), max(values))
    assert set(found["spread"]) == {"model", *found["pooled"]["baselines"]}


def test_a_metric_that_some_origin_lacks_is_spread_over_the_others():
    reports = [{"metrics": {"roc_auc": value}, "baselines": {}} for value in (0.7, None)]
    told = spread(reports, ["model"])["model"]
    assert told["roc_auc"] == {
        "mean": 0.7,
        "sd": None,
        "least": 0.7,
        "greatest": 0.7,
        "origins": 1,
    }
    assert "brier" not in told


def test_an_origin_that_cannot_be_trained_is_listed_with_its_reason():
    first, *others = rolled().report["origins"]
    assert "still_open is skipped" in first["left_out"]
    assert all("report" in each for each in others)


def test_an_origin_without_a_labelled_row_is_listed_with_its_reason(monkeypatch):
    reports = [each["report"] for each in trained_and_tested()]
    done = iter(zip(rolled().parts, reports, strict=True))

    def none_at_last(*_, test_since: int, **__):
        if test_since == bounds_of(SINCE, UNTIL, 3)[2]:
            raise NothingToTestError("none of the rows has a label")
        part, report = next(done)
        return Backtest(None, None, None, None, {}, report, part)

    monkeypatch.setattr(origins, "run_backtest", none_at_last)
    found = run(repeats=0)
    assert [each.get("left_out") for each in found.report["origins"]] == [
        None,
        None,
        "none of the rows has a label",
    ]
    assert len(found.parts) == 2


def test_no_origin_at_all_is_an_error_with_every_reason():
    with pytest.raises(
        NothingToTestError, match=r"No origin could be tested\. 2021-01-15.*skipped"
    ):
        run(since=micros("2021-01-15"), until=micros("2021-02-15"), repeats=0)


def test_a_negative_embargo_is_refused():
    with pytest.raises(SettingsError, match="embargo is -1 days"):
        run(embargo_days=-1)


def test_the_report_is_plain_json_without_nan():
    assert json.loads(json.dumps(rolled().report, allow_nan=False))["target"] == "still_open"


def test_pooling_keeps_what_all_parts_have():
    one, two = rolled().parts[:2]
    less = {name: p for name, p in two.predictions.items() if name != "business_central"}
    other = type(two)(**{**vars(two), "predictions": less})
    both = pool([one, other])
    assert set(both.predictions) == set(less)
    assert len(both.y) == len(one.y) + len(two.y)


def test_prefix_lengths_are_weighted_by_their_rows():
    groups = {
        "1": {"n": 300, "roc_auc": 0.6},
        "10": {"n": 100, "roc_auc": 0.8},
        "over 10": {"n": 900, "roc_auc": 0.1},
        "2": {"n": 50, "roc_auc": None},
    }
    assert prefix_roc_auc(groups) == pytest.approx(0.65)
    assert prefix_roc_auc({}) is None


def test_the_figures_of_all_origins_are_drawn(tmp_path):
    drawn = draw_origins(rolled(), tmp_path)
    assert {path.name for path in drawn} >= {"origins.png", "reliability.png", "capacity.png"}
    assert sorted(tmp_path.iterdir()) == sorted(drawn)
