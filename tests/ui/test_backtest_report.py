"""What `duecast backtest` prints: every figure with its split, its baselines and its unit."""

import io

import pytest
from rich.console import Console

from tests.training.company import backtested
from tests.training.test_origins import rolled
from ui.report import print_backtest, print_origins


@pytest.fixture
def out() -> Console:
    return Console(file=io.StringIO(), width=120, color_system=None)


def said(out: Console) -> str:
    return out.file.getvalue()  # type: ignore[attr-defined]


def test_a_backtest_says_split_baselines_intervals_slices_and_costs(out):
    report = backtested("write_off").report
    print_backtest(out, report)
    text = said(out)
    assert "known before 2022-05-01" in " ".join(text.split())
    for name in report["baselines"]:
        assert name in text
    assert "Model, 95 % intervals by resampled customers" in text
    assert "By days since posting" in text
    assert "Late balance reached by k calls a month" in text
    assert "A call costs 5 EUR; 80% of a written-off balance is lost." in text


def test_nothing_is_cut_off_at_the_width_of_a_pipe(out):
    print_backtest(out, backtested("write_off").report)
    assert "…" not in said(out)


def test_cuts_with_a_single_group_are_named_only(out):
    print_backtest(out, backtested("late_payment").report)
    assert "By phase" not in said(out)
    assert "phase (not yet late)" in said(out)


def test_brief_leaves_out_all_but_the_metrics(out):
    print_backtest(out, backtested("late_payment").report, brief=True)
    assert "business_central" in said(out)
    assert "By cutoff" not in said(out)


def test_a_baseline_that_is_left_out_is_named_with_the_reason(out):
    report = backtested("late_payment").report
    report = report | {"baselines_left_out": {"business_central": "the log names no customers"}}
    print_backtest(out, report)
    assert "Without business_central: the log names no customers." in said(out)


def test_a_rolling_backtest_shows_every_origin_the_spread_and_all_together(out):
    print_origins(out, rolled().report)
    text = said(out)
    assert "3 origins from 2021-02-01 to 2022-11-01, embargo 10 days" in text
    assert "Origin 2021-02-01 to 2021-09-01 left out: still_open is skipped" in text
    assert "Origin 2022-04-01 to 2022-11-01: trained on" in text
    assert "mean ± standard deviation" in text
    assert "All origins together" in text
    assert "…" not in text
