"""A model is fitted on what was known, the same each time, and kept without loss."""

import json
from dataclasses import replace

import lightgbm as lgb
import numpy as np
import pytest

from eventlog.errors import DataError, NotFoundError
from eventlog.log import micros
from eventlog.policy import Policy
from eventlog.reader import log_from_frame
from features.matrix import Matrix
from tests.builders import happened, make_log
from tests.training.company import (
    POLICY,
    RECIPE,
    TRAIN_UNTIL,
    company_frame,
    company_log,
    company_rates,
    curve_trained,
    trained,
)
from tests.training.tables import table
from training import fit
from training.calibration import Calibrator
from training.examples import InMemory, cases_of
from training.fit import TooFewCasesError, fit_examples, fit_model, refuse_too_few
from training.labels import TARGETS
from training.model import RiskModel, fit_booster, load_model, save_model, usual_values


def texts(model: RiskModel) -> list[str]:
    return [booster.model_to_string() for booster in model.boosters]


def fitted(log, target="still_open", recipe=RECIPE):
    return fit_model(log, target, TRAIN_UNTIL, POLICY, company_rates(), recipe)


def test_the_same_log_and_recipe_give_the_same_model():
    model, _ = fitted(company_log())
    assert texts(model) == texts(trained("still_open")[0])
    assert model.facts == trained("still_open")[0].facts


def test_what_became_known_later_does_not_change_a_model():
    frame = company_frame()
    later = (frame["EventTime"] >= "2022-04-30") | (frame["RecordedTime"] >= "2022-04-30")
    changed = frame.assign(
        PaymentAmount=frame["PaymentAmount"].where(~later, frame["PaymentAmount"] * 0.1),
        SalesChannel=frame["SalesChannel"].astype(object).where(~later, "Fax"),
    )
    changed = changed[~later | (frame["InvoiceNumber"].astype(str).str[-1] < "5")]
    log, _ = log_from_frame(changed)
    assert len(log) < len(company_log())
    until = micros("2022-04-30")
    once, examples = fit_model(company_log(), "still_open", until, POLICY, company_rates(), RECIPE)
    again, _ = fit_model(log, "still_open", until, POLICY, company_rates(), RECIPE)
    assert once.encoding == again.encoding
    assert texts(once) == texts(again)
    assert examples.window_end.max() < until


@pytest.mark.parametrize("target", TARGETS)
def test_every_label_was_known_before_training(target):
    model, examples = trained(target)
    assert examples.window_end.max() < TRAIN_UNTIL
    assert examples.matrix.snapshots.cutoff.max() < TRAIN_UNTIL
    assert model.facts["n_train"] == len(examples.y) == len(examples.matrix.snapshots)
    assert model.facts["positives"] == examples.y.sum()
    assert set(np.unique(examples.y)) == {0.0, 1.0}


def test_inner_fits_learn_from_labels_known_before_they_look_forward(monkeypatch):
    model, examples = trained("late_payment")
    any_booster = model.boosters[0]
    seen = []

    def watched(examples, sets, changes, train, valid, recipe):
        seen.append((examples.window_end[train].max(), examples.matrix.snapshots.cutoff[valid]))
        return any_booster

    monkeypatch.setattr(fit, "_stop_early", watched)
    fit._forward_fits(examples, (), {}, RECIPE, None)
    assert len(seen) == RECIPE.inner_folds
    assert all(known < later.min() for known, later in seen)
    assert seen[0][1].max() < seen[1][1].min()


def test_a_log_too_short_to_look_forward_gets_the_usual_rounds_and_no_calibrator():
    model, examples = trained("late_payment")
    short = replace(examples, window_end=np.full(len(examples.y), TRAIN_UNTIL - 1))
    found = fit_examples(short, model.encoding, "late_payment", TRAIN_UNTIL, POLICY, RECIPE)
    assert found.facts["rounds"] == found.boosters[0].num_trees() == fit.USUAL_ROUNDS
    assert found.calibrator == Calibrator()


def test_too_few_cases_are_refused_with_how_many_are_needed():
    with pytest.raises(
        TooFewCasesError,
        match=r"late_payment is skipped: 49 invoices with a positive outcome among 109 labelled "
        r"rows, 50 are needed",
    ):
        refuse_too_few("late_payment", 109, (49, 60))
    with pytest.raises(TooFewCasesError, match=r"49 invoices with a negative outcome"):
        refuse_too_few("late_payment", 109, (60, 49))
    refuse_too_few("late_payment", 100, (50, 50))


def test_an_invoice_that_is_seen_every_week_is_one_case():
    y = np.array([1.0, 1.0, 1.0, 0.0, 0.0])
    assert cases_of(y, np.array([7, 7, 7, 8, 9])) == (1, 2)
    assert cases_of(y, np.array([7, 7, 8, 8, 9])) == (2, 2)


@pytest.mark.parametrize("target", TARGETS)
def test_the_line_has_a_share_only_where_stretches_of_time_have_judged_it(target):
    model, examples = trained(target)
    unjudged = replace(examples, window_end=np.full(len(examples.y), TRAIN_UNTIL - 1))
    found = fit_examples(unjudged, model.encoding, target, TRAIN_UNTIL, POLICY, RECIPE)
    assert found.line is None
    assert found.line_share == 0.0


def test_a_payment_curve_has_no_line():
    model, _ = curve_trained()
    assert model.line is None
    assert model.line_share == 0.0


def test_a_log_without_labels_is_refused():
    log = make_log(happened("A", "post", "2024-01-01", amount=10.0, due="2024-02-01"))
    with pytest.raises(
        TooFewCasesError, match=r"0 invoices with a positive .* among 0 labelled rows"
    ):
        fit_model(log, "late_payment", micros("2024-01-20"), Policy(), company_rates(), RECIPE)


def test_progress_tells_the_stages_in_order():
    told = []
    fit_model(
        company_log(), "still_open", TRAIN_UNTIL, POLICY, company_rates(), RECIPE, told.append
    )
    assert told == ["snapshots", "features", "inner fits", "final fit"]


def test_a_rhythm_not_stated_turns_monthly_when_weekly_is_too_much(monkeypatch):
    recipe = replace(RECIPE, rhythm=None)
    known = InMemory(company_log()).before(TRAIN_UNTIL)
    assert fit.in_rhythm(known, recipe, TRAIN_UNTIL, POLICY).rhythm == "weekly"
    monkeypatch.setattr(fit, "MOST_ROWS", 1000)
    assert fit.in_rhythm(known, recipe, TRAIN_UNTIL, POLICY).rhythm == "monthly"


# The model itself.


def test_margins_are_averaged_over_the_boosters_and_calibrated():
    one, examples = trained("still_open")
    rows = examples.matrix.take(np.arange(50))
    y, matrix = examples.y, examples.matrix
    other = fit_booster(
        matrix.values, y, matrix.snapshots.invoice, matrix.columns, (), 20, seed=1, threads=1
    )
    both = replace(
        one, boosters=(*one.boosters, other), calibrator=Calibrator(-1.0, 0.5), line=None
    )
    parts = [b.predict(rows.values, raw_score=True) for b in both.boosters]
    np.testing.assert_allclose(both.margin(rows), np.mean(parts, axis=0))
    stretched = -1 + 0.5 * (np.mean(parts, axis=0) + 1)
    np.testing.assert_allclose(both.probability(rows), 1 / (1 + np.exp(-stretched)))


@pytest.mark.parametrize("target", TARGETS)
def test_contributions_add_up_to_the_margin(target):
    model, examples = trained(target)
    rows = examples.matrix.take(np.arange(100))
    found = model.contributions(rows)
    assert found.shape == (100, len(model.columns) + 1)
    np.testing.assert_allclose(found.sum(axis=1), model.margin(rows), atol=1e-9)


def test_no_rows_have_no_probabilities():
    model, examples = trained("still_open")
    none = examples.matrix.take(np.zeros(len(examples.y), dtype=bool))
    assert len(model.probability(none)) == 0
    assert model.contributions(none).shape == (0, len(model.columns) + 1)


def test_a_matrix_of_other_columns_is_refused():
    model, examples = trained("still_open")
    matrix = examples.matrix
    fewer = Matrix(
        (*matrix.columns[1:], "extra"), matrix.values, matrix.categories, matrix.snapshots
    )
    with pytest.raises(DataError, match=r"lacks the model's columns \['age_days'\].*\['extra'\]"):
        model.probability(fewer)
    turned = replace(matrix, columns=matrix.columns[::-1])
    with pytest.raises(DataError, match=r"columns in another order"):
        model.probability(turned)


def test_a_model_from_before_a_feature_does_not_look_at_it():
    model, examples = trained("still_open")
    added = ("n_dunning_steps_missed", "days_dunning_behind")
    columns = tuple(name for name in model.columns if name not in added)
    older = replace(model, columns=columns)
    assert (model.unseen, older.unseen) == ((), added)
    assert older.seen(examples.matrix).columns == columns


def test_a_saved_model_gives_equal_probabilities_bit_for_bit(tmp_path):
    model, examples = trained("late_payment")
    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model")
    np.testing.assert_array_equal(
        again.probability(examples.matrix), model.probability(examples.matrix)
    )
    np.testing.assert_array_equal(
        again.contributions(examples.matrix), model.contributions(examples.matrix)
    )
    assert again.encoding == model.encoding
    assert list(again.encoding.attributes) == list(model.encoding.attributes)
    assert (again.columns, again.categories) == (model.columns, model.categories)
    assert (again.calibrator, again.usual) == (model.calibrator, model.usual)
    assert again.target == "late_payment"


def test_a_saved_model_is_text(tmp_path):
    save_model(trained("late_payment")[0], tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["booster_0.txt", "model.json"]
    json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    lgb.Booster(model_file=str(tmp_path / "booster_0.txt"))


def test_a_folder_without_a_model_says_what_to_run(tmp_path):
    with pytest.raises(NotFoundError, match=r"no model in .*duecast train"):
        load_model(tmp_path)


def test_a_model_of_another_format_is_refused(tmp_path):
    (tmp_path / "model.json").write_text('{"format": 9}', encoding="utf-8")
    with pytest.raises(DataError, match=r"has format 9, this version reads 1"):
        load_model(tmp_path)


def test_columns_may_have_any_name():
    draw = np.random.default_rng(0)
    names = ["Zahlungsart (neu)", 'a"b', "amount", "x,y:z"]
    matrix = table([names[1]], **{name: draw.integers(0, 5, 300) for name in names})
    y = (draw.random(300) < 0.5).astype(np.float64)
    booster = fit_booster(
        matrix.values, y, matrix.snapshots.invoice, matrix.columns, (), 5, threads=1
    )
    assert booster.num_feature() == 4


def test_what_is_usual_is_the_median_of_the_values_there_are():
    matrix = table(
        ["segment"],
        amount=[1, 5, np.nan, 100],
        segment=[0, 1, 2, 3],
        score=[np.nan] * 4,
    )
    assert usual_values(matrix) == {"amount": 5.0}


def test_examples_tell_what_was_left_out():
    _, examples = trained("late_payment")
    assert examples.n_credited > 0
    assert examples.n_unknown > 0
    assert (examples.balance >= 0).all()
    stated = ~np.isnan(examples.matrix["balance"])
    np.testing.assert_array_equal(
        examples.balance[stated].astype(np.float32), examples.matrix["balance"][stated]
    )
