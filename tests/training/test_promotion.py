"""May a challenger serve: what each check refuses, and on which rows."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from eventlog.errors import NotReadyError
from eventlog.log import DAY, micros
from eventlog.reader import log_from_frame
from tests.training.company import (
    POLICY,
    RECIPE,
    TRAIN_UNTIL,
    company_frame,
    company_log,
    company_rates,
    trained,
)
from training.examples import InMemory
from training.fit import fit_model
from training.model import fit_booster
from training.promotion import (
    Question,
    calibration_noise,
    choose_window,
    compare,
    judge,
    recipe_of,
    trained_until,
    unseen_by_tuning,
    untuned_share,
)

N = 6000
RANDOM = np.random.default_rng(3)
MARGIN = RANDOM.normal(-2.0, 1.5, N)
TRUE = 1 / (1 + np.exp(-MARGIN))
Y = (RANDOM.random(N) < TRUE).astype(np.float64)
NOISY = 1 / (1 + np.exp(-(0.6 * (MARGIN + RANDOM.normal(0, 1.2, N)) - 0.6)))


def question(p, champion=None, rivals=None, slices=None):
    return Question(
        name="late_payment",
        y=Y,
        p=p,
        champion=champion,
        rivals=rivals or {"prevalence": np.full(N, Y.mean())},
        balance=np.random.default_rng(1).lognormal(5, 1, N),
        group=(np.arange(N) // 10).astype(np.int32),
        invoice=np.arange(N, dtype=np.int32),
        slices=slices or {},
        prevalence=float(Y.mean()),
    )


def failed(asked):
    return {check.name for check in judge(asked, repeats=200) if not check.passed}


def test_a_better_challenger_is_accepted():
    assert not failed(question(TRUE, champion=NOISY))


def blurred(noise: float, seed: int) -> np.ndarray:
    """Calibrated probabilities of a model that sees the truth through noise."""
    seen = MARGIN + np.random.default_rng(seed).normal(0, noise, N)
    keeps = 1.5**2 / (1.5**2 + noise**2)
    return 1 / (1 + np.exp(-(-2.0 + keeps * (seen + 2.0))))


def refused_for_recall(challenger: float, champion: float) -> int:
    """In how many of twenty comparisons the challenger is said to lose balance recall."""
    pairs = [(blurred(challenger, i), blurred(champion, 100 + i)) for i in range(20)]
    return sum("balance recall" in failed(question(p, champion=q)) for p, q in pairs)


def test_an_equally_good_challenger_is_hardly_ever_refused_for_its_recall():
    assert refused_for_recall(0.4, 0.4) <= 2


def test_a_better_challenger_is_not_and_a_worse_one_mostly_is():
    assert refused_for_recall(0.2, 0.5) == 0
    assert refused_for_recall(1.2, 0.3) >= 14


def test_a_worse_challenger_is_refused_for_its_recall_and_its_probabilities():
    assert {"balance recall", "probabilities"} <= failed(question(NOISY, champion=TRUE))


@pytest.mark.parametrize("factor", [0.5, 1.6])
def test_a_challenger_whose_probabilities_are_off_is_refused(factor):
    off = np.clip(TRUE * factor, 0, 1)
    assert {"calibration", "level"} <= failed(question(off, champion=off))


def test_a_challenger_that_is_too_sure_is_refused_though_its_level_is_right():
    sure = 1 / (1 + np.exp(-(3.0 * (MARGIN + 2.0) - 2.35)))
    assert "calibration" in failed(question(sure, champion=sure))


def test_a_challenger_that_harms_one_group_is_refused_and_the_group_named():
    group = np.where(np.arange(N) < 900, "public", "other").astype(object)
    harmed = np.where(group == "public", np.clip(TRUE + 0.25, 0, 1), TRUE)
    checks = judge(question(harmed, champion=TRUE, slices={"segment": group}), repeats=200)
    (said,) = [check.said for check in checks if check.name == "groups"]
    assert "segment public (+" in said
    assert "other" not in said
    assert "groups" in failed(question(harmed, champion=TRUE, slices={"segment": group}))


def test_a_first_champion_has_to_beat_every_baseline():
    rivals = {"logistic": TRUE, "prevalence": np.full(N, Y.mean())}
    assert failed(question(NOISY, rivals=rivals)) >= {"baseline logistic"}
    assert not failed(question(TRUE, rivals={"logistic": NOISY}))


def test_few_cases_are_no_ground_for_a_promotion():
    few = replace(question(TRUE), y=np.where(np.arange(N) < 29, 1.0, 0.0))
    (check,) = judge(few)
    assert not check.passed
    assert "29 invoices with a positive outcome in 6,000 rows, 30 are needed" in check.said


def test_one_invoice_seen_a_thousand_times_is_one_case():
    often = replace(question(TRUE), invoice=(np.arange(N) // 1000).astype(np.int32))
    (check,) = judge(often)
    assert not check.passed


def test_a_recipe_tuned_on_the_rows_it_is_judged_on_is_refused():
    facts = {"tuned_until": "2022-05-01T00:00:00+00:00"}
    (check,) = unseen_by_tuning(facts, micros("2022-04-01"))
    assert not check.passed
    assert "up to 2022-05-01 in view" in check.said
    assert not unseen_by_tuning(facts, micros("2022-05-01"))
    assert not unseen_by_tuning({"tuned_until": ""}, 0)


def test_where_a_search_has_seen_the_latest_quarter_the_test_begins_after_it():
    cutoff = np.arange(1000, dtype=np.int64) * DAY
    y, invoice = np.tile([0.0, 1.0], 500), np.arange(1000, dtype=np.int64)
    assert untuned_share(cutoff, y, invoice, 0) == 749 * DAY
    assert untuned_share(cutoff, y, invoice, 900 * DAY) == 900 * DAY
    assert untuned_share(cutoff, y, invoice, 990 * DAY) == 749 * DAY


def test_right_probabilities_stay_below_the_calibration_noise_19_times_in_20():
    p = np.random.default_rng(0).beta(1, 8, 500)
    random = np.random.default_rng(7)
    passed = 0
    for _ in range(100):
        y = (random.random(500) < p).astype(np.float64)
        asked = replace(
            question(p),
            y=y,
            p=p,
            champion=p,
            rivals={},
            balance=np.ones(500),
            group=np.arange(500, dtype=np.int32),
            invoice=np.arange(500, dtype=np.int32),
        )
        (check,) = [c for c in judge(asked, repeats=2) if c.name == "calibration"]
        passed += check.passed
    assert passed >= 85


@cache
def retrained():
    """The same recipe, three months earlier."""
    until = micros("2022-02-01")
    return fit_model(company_log(), "late_payment", until, POLICY, company_rates(), RECIPE)[0]


def decided(challenger, champion=None, log=None):
    return compare(
        InMemory(log or company_log()),
        "late_payment",
        "2",
        challenger,
        ("1", champion) if champion else None,
        POLICY,
        company_rates(),
        threads=1,
        repeats=100,
    )


def test_rows_of_few_customers_make_a_calibration_error_less_telling():
    few, many = (np.arange(N) % 12).astype(np.int32), np.arange(N, dtype=np.int32)
    shift = np.random.default_rng(5).normal(0, 0.5, 12)[few]
    p = 1 / (1 + np.exp(-MARGIN))
    y = (np.random.default_rng(6).random(N) < 1 / (1 + np.exp(-MARGIN - shift))).astype(float)
    assert calibration_noise(y, p, few) > 2 * calibration_noise(y, p, many)


def test_models_are_compared_as_trained_on_rows_later_than_both():
    model, _ = trained("late_payment")
    decision = decided(model, retrained())
    assert decision.compared == "as trained"
    assert decision.since == "2022-05-01"
    assert decision.n > 500


def test_models_that_know_the_whole_log_are_fitted_again_before_its_latest_quarter():
    model, _ = trained("late_payment")
    known = company_log().upto(TRAIN_UNTIL - 1)
    decision = decided(model, model, log=known)
    assert decision.compared == "fitted again"
    assert decision.until <= "2022-05-01"
    assert decision.since < "2022-04-01"
    recall = next(check for check in decision.checks if check.name == "balance recall")
    assert "+0.000 [+0.000, +0.000]" in recall.said  # one recipe, fitted twice: equal


def test_a_challenger_of_noise_is_refused_and_the_champion_it_would_replace_is_not():
    model, examples = trained("late_payment")
    random = np.random.default_rng(0)
    blind = fit_booster(
        random.normal(size=examples.matrix.values.shape).astype(np.float32),
        examples.y,
        examples.matrix.snapshots.invoice,
        examples.matrix.columns,
        (),
        20,
        threads=1,
    )
    worse = replace(model, boosters=(blind,))
    decision = decided(worse, model)
    assert not decision.accepted
    assert any("Brier skill -" in said for said in decision.objections)
    back = decided(model, worse)
    assert not [
        check for check in back.checks if check.name == "probabilities" and not check.passed
    ]


def leaky_log():
    """The company's log with a column that knows who will pay late."""
    frame = company_frame().copy()
    keys = [frame["CompanyCode"], frame["InvoiceNumber"]]
    ends = pd.to_datetime(frame["EventTime"]).groupby(keys).transform("max")
    due = pd.to_datetime(frame["PaymentDueDate"]).groupby(keys).transform("max")
    frame["CreditClass"] = (ends - due).dt.days.astype(float)
    return log_from_frame(frame)[0]


def test_a_leaky_challenger_is_refused_and_the_column_named():
    log = leaky_log()
    model, _ = fit_model(log, "late_payment", TRAIN_UNTIL, POLICY, company_rates(), RECIPE)
    assert "CreditClass" in model.encoding.attributes
    decision = decided(model, log=log)
    assert not decision.accepted
    (leak,) = [check for check in decision.checks if check.name == "leakage"]
    assert not leak.passed
    assert "'CreditClass'" in leak.said


def test_a_log_without_a_labelled_row_is_refused_in_words():
    model, _ = trained("late_payment")
    young = company_log().upto(int(company_log().known_at.min()) + 1)
    with pytest.raises(NotReadyError, match="no row of the log has a label"):
        choose_window(InMemory(young), (model,), "late_payment", POLICY)


def test_a_model_tells_the_recipe_it_was_trained_by():
    model, _ = trained("late_payment")
    again, _ = fit_model(
        company_log(),
        "late_payment",
        trained_until(model),
        POLICY,
        company_rates(),
        replace(recipe_of(model, threads=1), inner_folds=RECIPE.inner_folds),
    )
    assert [b.model_to_string() for b in again.boosters] == [
        b.model_to_string() for b in model.boosters
    ]
