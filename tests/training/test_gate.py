"""The leakage linter names the leak, only the leak, and lets an override through."""

import numpy as np
import pytest

from eventlog.policy import Policy
from tests.training.company import POLICY, backtested, trained
from tests.training.tables import encoding, table
from training.gate import Finding, LeakageError, lint, refuse, too_good
from training.labels import TARGETS

N = 400


def world(seed: int = 0):
    """Outcomes, a score that goes with them, and days past due of either phase."""
    draw = np.random.default_rng(seed)
    y = (draw.random(N) < 0.3).astype(np.float64)
    return y, y + draw.normal(0, 1, N), np.where(np.arange(N) % 2 == 0, -10.0, 20.0)


def names(findings: list[Finding]) -> set[str]:
    return {finding.name for finding in findings}


def test_a_column_that_equals_the_label_is_named_and_no_other():
    y, score, days = world()
    matrix = table(days_past_due=days, amount=score, CollectionResult=y)
    findings = lint(encoding(CollectionResult="number"), matrix, y, POLICY)
    assert names(findings) == {"CollectionResult"}
    assert "additional attribute alone reaches ROC AUC 1.000" in findings[0].why


def test_a_column_that_is_the_labels_opposite_is_named():
    y, score, days = world()
    matrix = table(days_past_due=days, amount=score, Open=1 - y)
    assert names(lint(encoding(Open="number"), matrix, y, POLICY)) == {"Open"}


def test_a_column_that_is_missing_wherever_it_happened_is_named():
    y, score, days = world()
    matrix = table(days_past_due=days, amount=score, Paid=np.where(y == 1, np.nan, 5.0))
    assert names(lint(encoding(Paid="time"), matrix, y, POLICY)) == {"Paid"}


def test_a_category_that_tells_the_outcome_is_named():
    y, score, days = world()
    code = y * 5 + np.arange(N) % 5
    matrix = table(["Reason"], days_past_due=days, amount=score, Reason=code)
    assert names(lint(encoding(Reason="level"), matrix, y, POLICY)) == {"Reason"}


@pytest.mark.parametrize("seed", range(5))
def test_a_category_of_many_small_levels_is_not_taken_for_a_leak(seed):
    draw = np.random.default_rng(seed)
    y = (np.arange(120) % 2).astype(np.float64)
    matrix = table(
        ["collector"], days_past_due=np.zeros(120), collector=draw.permutation(120) % 100
    )
    assert lint(encoding(), matrix, y, POLICY) == []


def test_a_leak_in_one_phase_is_named_with_its_phase():
    y, score, days = world()
    late = days > POLICY.late_after_days
    matrix = table(days_past_due=days, amount=score, Flag=np.where(late, y, 0.0))
    findings = lint(encoding(Flag="number"), matrix, y, POLICY)
    assert names(findings) == {"Flag"}
    assert "among invoices late" in findings[0].why


def test_what_only_tells_the_phases_apart_is_no_leak():
    y, score, days = world()
    y = np.where(days < 0, 0.0, y)
    y[np.flatnonzero(days < 0)[:12]] = 1.0
    matrix = table(days_past_due=days + score / 10, amount=score)
    assert lint(encoding(), matrix, y, POLICY) == []


def test_the_policy_says_where_late_begins():
    y, score, days = world()
    matrix = table(days_past_due=days, amount=score, Flag=np.where(days == 20, y, 0.0))
    assert "not yet late" not in lint(encoding(), matrix, y, POLICY)[0].why
    assert lint(encoding(), matrix, y, Policy(late_after_days=30)) == []


def test_an_answer_of_the_extract_is_named_however_weak():
    y, score, days = world()
    matrix = table(days_past_due=days, amount=score, DaysOverdue=np.arange(N) % 7)
    findings = lint(encoding(DaysOverdue="number"), matrix, y, POLICY)
    assert names(findings) == {"DaysOverdue"}


def test_columns_without_values_and_too_few_cases_are_passed_over():
    y, _, days = world()
    matrix = table(days_past_due=days, Empty=np.full(N, np.nan), Leak=y)
    few = np.where(np.arange(N) < 9, 1.0, 0.0)
    assert lint(encoding(), table(days_past_due=days, Leak=few), few, POLICY) == []
    assert names(lint(encoding(), matrix, y, POLICY)) == {"Leak"}


@pytest.mark.parametrize("target", TARGETS)
def test_the_features_of_a_company_without_a_leak_pass(target):
    model, examples = trained(target)
    assert lint(model.encoding, examples.matrix, examples.y, POLICY) == []
    assert backtested(target).report["leakage"] == {"findings": [], "override": ""}


def test_a_test_that_is_too_good_is_a_finding():
    y, score, days = world()
    matrix = table(days_past_due=days)
    findings = too_good(y, y + score / 1000, matrix, POLICY)
    assert names(findings) == {"model"}
    assert "ROC AUC is 1.000 among invoices" in findings[0].why
    assert too_good(y, score, matrix, POLICY) == []


def test_findings_stop_with_their_names_and_what_to_do():
    findings = [Finding("Leak", "it knows"), Finding("model", "it is too good")]
    with pytest.raises(
        LeakageError,
        match=r"stops late_payment: 'Leak': it knows; 'model': it is too good\. Leave them out "
        r"with --attributes, or .* --override-leakage",
    ):
        refuse("late_payment", findings, "")


def test_an_override_goes_through_and_nothing_found_needs_none():
    refuse("late_payment", [Finding("Leak", "it knows")], "the bank tells us at noon")
    refuse("late_payment", [], "")
