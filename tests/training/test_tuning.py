"""A search judges recipes by looking forward, goes on where it was left, and is not fooled."""

import shutil
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution

from eventlog.errors import NotReadyError
from eventlog.log import DAY
from features.attributes import Encoding
from features.matrix import Matrix
from features.snapshots import Snapshots
from tests.training.company import POLICY, RECIPE, TRAIN_UNTIL, trained
from training import fit, forward, tuning
from training.calibration import sigmoid
from training.examples import Examples
from training.fit import Recipe
from training.forward import (
    Stretch,
    Task,
    candidate,
    look_forward,
    parameters_in,
    rounds_elsewhere,
    stretches_of,
)
from training.labels import TARGETS
from training.recipe_file import MAY_SET
from training.search_space import BOOSTING, SPACE, default_of, recipe_of
from training.tuning import open_study, study_name, task_of, tune


def drawn(seed: int, n: int = 240, longest: int = 60) -> Examples:
    """Rows seen on random days, each label known some days after; one feature tells most."""
    draw = np.random.default_rng(seed)
    cutoff = np.sort(draw.integers(0, 365, n)) * DAY
    told, useless = draw.normal(size=n), draw.normal(size=n)
    y = (draw.random(n) < sigmoid(2 * told)).astype(np.float64)
    columns = ("late_share", "due_weekday", "Region")
    values = np.stack([told, useless, draw.normal(size=n)], axis=1).astype(np.float32)
    return Examples(
        matrix=Matrix(columns, values, (), Snapshots(np.arange(n, dtype=np.int32), cutoff)),
        y=y,
        window_end=cutoff + draw.integers(1, longest, n) * DAY,
        balance=np.ones(n),
        customer=np.arange(n, dtype=np.int32),
    )


ENCODING = Encoding({}, {"Region": "number"}, {})


def small_task(seed: int = 0, folds: int = 2) -> Task:
    recipe = Recipe(rhythm="posting", seeds=1, threads=1, inner_folds=folds)
    return task_of(drawn(seed), ENCODING, "late_payment", POLICY, recipe)


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory):
    """A database without trials, made once."""
    path = tmp_path_factory.mktemp("studies") / "tuning.db"
    open_study(f"sqlite:///{path}", "none", fresh=True)
    return path


@pytest.fixture
def storage(empty_database, tmp_path):
    shutil.copy(empty_database, tmp_path / "tuning.db")
    return f"sqlite:///{tmp_path}/tuning.db"


@dataclass
class Drawn:
    """Trees that say what they are told to; ten of them always serve best."""

    column: int
    slope: float
    lift: float
    best_iteration: int = 10

    def num_trees(self):
        return 70

    def predict(self, rows, raw_score, num_iteration):
        return self.slope * rows[:, self.column].astype(np.float64) + self.lift


@pytest.fixture
def quick(monkeypatch):
    """Fits that take no time: the farther the learning rate is from 0.05, the worse."""
    fitted = []

    def fit_before(ready, stretch, rounds=None):
        fitted.append((ready, stretch))
        rate = ready.changes.get("learning_rate", 0.03)
        slope = 2.0 - np.abs(np.log(rate / 0.05))
        lift = np.log(ready.changes.get("scale_pos_weight", 1.0))
        return Drawn(ready.examples.matrix.columns.index("late_share"), slope, lift)

    monkeypatch.setattr(forward, "fit_before", fit_before)
    return fitted


def searched(task, storage, trials, name="one", **options):
    ticks = count()
    study = open_study(storage, name)
    return tune(task, study, clock=lambda: float(next(ticks)), trials=trials, **options), study


def points(study):
    return [(trial.params, trial.user_attrs.get("losses")) for trial in study.get_trials()]


# What a trial sees.


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), folds=st.integers(1, 6), longest=st.integers(2, 200))
def test_no_stretch_is_predicted_from_a_label_that_was_not_known_when_it_began(
    seed, folds, longest
):
    examples = drawn(seed, longest=longest)
    cutoff = examples.matrix.snapshots.cutoff
    for stretch in stretches_of(examples, folds):
        assert (examples.window_end[stretch.before] < stretch.origin).all()
        assert (cutoff[stretch.after] >= stretch.origin).all()
        assert not (stretch.before & stretch.after).any()


def test_every_fit_of_a_search_is_on_the_rows_of_its_origin(storage, monkeypatch):
    monkeypatch.setattr(forward, "MOST_ROUNDS", 10)
    seen = []
    fit_booster = forward.fit_booster

    def watched(values, y, invoice, *arguments, **options):
        seen.append((invoice, options["valid"]))
        return fit_booster(values, y, invoice, *arguments, **options)

    monkeypatch.setattr(forward, "fit_booster", watched)
    task = small_task(folds=2)
    searched(task, storage, 2)
    origins = {s.origin: s for s in (*task.stretches, *stretches_of(task.examples, 4))}
    before = [set(np.flatnonzero(s.before)) for s in origins.values()]
    assert set(seen[0][0]) == set(np.flatnonzero(task.stretches[0].before)), "the ranking"
    assert all(set(invoice) in before for invoice, _ in seen)
    assert len(seen) > 10


def test_labels_that_were_not_known_at_the_origin_change_no_loss():
    """Flipped, they would if any fit, or the ranking of the features, had seen them."""
    examples = drawn(3)
    recipe = Recipe(rhythm="posting", threads=1, inner_folds=1)
    (stretch,) = stretches_of(examples, 1)
    unknown = ~stretch.before & ~stretch.after
    assert unknown.sum() > 5
    found = []
    for y in (examples.y, np.where(unknown, 1 - examples.y, examples.y)):
        task = task_of(replace(examples, y=y), ENCODING, "late_payment", POLICY, recipe)
        found.append((task.weakest, look_forward(candidate(task, recipe), task.stretches)))
    assert found[0][0] == found[1][0]
    np.testing.assert_array_equal(found[0][1][0], found[1][1][0])


def test_the_trees_of_early_stopping_are_those_of_training(monkeypatch):
    model, examples = trained("still_open")
    monkeypatch.setattr(forward, "MOST_ROUNDS", 40)
    monkeypatch.setattr(fit, "MOST_ROUNDS", 40)
    task = task_of(examples, model.encoding, "still_open", POLICY, RECIPE)
    (stretch, *_), changes = task.stretches, parameters_in(task, examples.matrix, RECIPE, 0)
    (early,), best = look_forward(candidate(task, RECIPE), [stretch])
    booster = fit._stop_early(examples, (), changes, stretch.before, stretch.after, RECIPE)
    assert best == [booster.best_iteration]
    rows = examples.matrix.values[stretch.after]
    np.testing.assert_array_equal(early, booster.predict(rows, raw_score=True))


def test_a_stretch_is_predicted_with_the_trees_that_the_others_ask_for(monkeypatch):
    assert rounds_elsewhere([100, 200, 600]) == [440, 385, 165]
    assert rounds_elsewhere([40]) == [40]
    assert rounds_elsewhere([4, 5000]) == [fit.MOST_ROUNDS, fit.FEWEST_ROUNDS]
    monkeypatch.setattr(forward, "rounds_elsewhere", lambda best: [300] * len(best))
    task = small_task()
    ready = candidate(task, task.recipe)
    (_, last), best = look_forward(ready, task.stretches)
    assert best[1] < 200, "fewer trees than asked for were grown at first"
    booster = forward.fit_before(ready, task.stretches[1], 300)
    rows = ready.examples.matrix.values[task.stretches[1].after]
    np.testing.assert_array_equal(last, booster.predict(rows, raw_score=True))


def test_a_weight_on_the_positives_is_taken_back_before_a_trial_is_judged(quick):
    task = small_task()
    weighted = replace(task.recipe, parameters={"scale_pos_weight": 7.0})
    (plain, *_), _ = look_forward(candidate(task, task.recipe), task.stretches)
    (found, *_), _ = look_forward(candidate(task, weighted), task.stretches)
    np.testing.assert_allclose(found, plain)


def test_a_log_too_short_to_look_forward_cannot_be_tuned():
    examples = drawn(0)
    late = replace(examples, window_end=np.full(len(examples.y), TRAIN_UNTIL))
    with pytest.raises(NotReadyError, match=r"write_off cannot be tuned: no label of its 240 rows"):
        task_of(late, ENCODING, "write_off", POLICY, RECIPE)


# The search.


def test_the_first_trial_is_the_default(quick, storage):
    found, study = searched(small_task(), storage, 3)
    assert points(study)[0][0] == default_of("late_payment")
    assert found.default.number == 0
    assert recipe_of(small_task(), found.default.parameters).changes == {
        "parameters": {},
        "left_out": (),
        "half_life_days": 0.0,
        "tuned_until": "",
    }


def test_three_trials_go_on_to_five_as_five_at_once(quick, storage):
    searched(small_task(), storage, 3, "in parts")
    found, in_parts = searched(small_task(), storage, 5, "in parts")
    _, at_once = searched(small_task(), storage, 5, "at once")
    assert found.trials == len(in_parts.get_trials()) == 5
    assert points(in_parts) == points(at_once)
    assert len({str(point) for point, _ in points(at_once)}) == 5


def test_a_search_that_is_done_is_not_searched_again(quick, storage):
    searched(small_task(), storage, 3)
    told = []
    searched(small_task(), storage, 3, told=told.append)
    assert told == []


def test_a_fresh_search_forgets_the_old_one(quick, storage):
    searched(small_task(), storage, 3)
    assert len(open_study(storage, "one").get_trials()) == 3
    assert len(open_study(storage, "one", fresh=True).get_trials()) == 0


def test_trials_side_by_side_are_those_of_one_after_the_other(quick, storage):
    _, one = searched(small_task(), storage, 5, "one")
    _, two = searched(small_task(), storage, 5, "two", jobs=2)
    assert points(one) == points(two)
    assert {ready.recipe.threads for ready, _ in quick} == {1}


def test_an_interrupted_search_keeps_what_is_done_and_goes_on(quick, storage):
    def stop_at_two(trial):
        if trial.number == 2:
            raise KeyboardInterrupt

    found, _ = searched(small_task(), storage, 9, told=stop_at_two)
    assert found.trials == 3
    again, _ = searched(small_task(), storage, 4)
    assert again.trials == 4


def test_a_trial_that_was_broken_off_is_not_counted(quick, storage, monkeypatch):
    searched(small_task(), storage, 2)
    monkeypatch.setattr(tuning, "_judge", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    found, study = searched(small_task(), storage, 9)
    assert found.trials == 2
    assert [trial.state.name for trial in study.get_trials()] == ["COMPLETE", "COMPLETE", "FAIL"]


def test_a_default_that_was_broken_off_is_judged_when_the_search_goes_on(
    quick, storage, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(tuning, "_judge", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(NotReadyError, match=r"stopped before the default was judged"):
            searched(small_task(), storage, 2)
    found, _ = searched(small_task(), storage, 2)
    assert (found.trials, found.default.number) == (2, 1)
    assert found.default.parameters == default_of("late_payment")


def test_the_search_ends_in_time_to_fit_the_finalists_again(quick, storage):
    """A tick a look at the clock: a trial of two stretches takes one, the finalists 4 × 2 × 4."""
    found, _ = searched(small_task(), storage, None, seconds=40.0)
    assert 1 < found.trials < 10
    quick.clear()
    more, _ = searched(small_task(), storage, None, seconds=0.0)
    assert more.trials == found.trials
    assert quick, "the finalists are fitted all the same"


def test_a_search_without_time_judges_the_default_alone(quick, storage):
    found, _ = searched(small_task(), storage, None, seconds=0.0)
    assert (found.trials, found.adopted) == (1, False)


def test_a_trial_worse_than_the_usual_one_is_given_up_early(quick, storage, monkeypatch):
    searched(small_task(folds=3), storage, tuning.TRIALS_BEFORE_PRUNING)
    monkeypatch.setitem(
        SPACE, "learning_rate", FloatDistribution(0.09, 0.1, log=True)
    )  # far from 0.05: bad
    found, study = searched(small_task(folds=3), storage, tuning.TRIALS_BEFORE_PRUNING + 1)
    last = study.get_trials()[-1]
    assert (found.pruned, last.state.name) == (1, "PRUNED")
    assert len(last.user_attrs["losses"]) == 1


def test_progress_tells_trials_best_and_time(quick, storage):
    said = []
    searched(small_task(), storage, 2, seconds=600.0, progress=lambda *told: said.append(told))
    assert said[0][0] == "0 trials, 10 min left"
    assert said[1][0].startswith("1 trials, best log loss 0.")
    assert "(default 0." in said[1][0]
    assert said[1][1] == 0.5
    assert said[2][0] == "finalists 1/2"


# What is adopted.


def losses_again(monkeypatch, default, rival):
    """Losses of the fits with other seeds, by hand."""
    usual = default_of("late_payment")
    monkeypatch.setattr(
        tuning, "_again", lambda task, parameters, _: default if parameters == usual else rival
    )


def test_a_finalist_that_saves_more_than_the_noise_is_adopted(quick, storage, monkeypatch):
    losses_again(monkeypatch, (0.5, 0.5, 0.5, 0.5), (0.4, 0.48, 0.4, 0.48))
    found, _ = searched(small_task(), storage, 6)
    assert found.adopted
    assert found.gain == pytest.approx(0.06)
    assert found.noise == pytest.approx(np.std([0.1, 0.02] * 2, ddof=1) / 2)
    assert found.recipe.parameters
    assert found.recipe.changes == recipe_of(small_task(), found.best.parameters).changes


@pytest.mark.parametrize(
    "rival",
    [(0.51, 0.51, 0.51, 0.51), (0.3, 0.65, 0.3, 0.65)],
    ids=["worse", "within the noise"],
)
def test_otherwise_the_default_stays(quick, storage, monkeypatch, rival):
    losses_again(monkeypatch, (0.5, 0.5, 0.5, 0.5), rival)
    found, _ = searched(small_task(), storage, 6)
    assert not found.adopted
    assert found.recipe.changes == recipe_of(small_task(), default_of("late_payment")).changes
    assert found.recipe.chosen["best_trial"] == found.best.number != 0


def test_a_finalist_that_lost_to_the_default_in_the_search_is_not_adopted(storage, monkeypatch):
    def fit_before(ready, stretch, rounds=None):
        return Drawn(0, 0.1 if "num_leaves" in ready.recipe.parameters else 1.5, 0.0)

    monkeypatch.setattr(forward, "fit_before", fit_before)
    losses_again(monkeypatch, (0.5, 0.5, 0.5), (0.1, 0.1, 0.1))
    found, _ = searched(small_task(), storage, 4)
    assert found.best.loss > found.default.loss
    assert not found.adopted


def test_few_stretches_cannot_tell_a_gain_from_noise(quick, storage, monkeypatch):
    losses_again(monkeypatch, (0.5, 0.5), (0.1, 0.1))
    found, _ = searched(small_task(), storage, 4)
    assert np.isnan(found.gain)
    assert not found.adopted


def test_the_recipe_says_where_it_comes_from(quick, storage):
    found, study = searched(small_task(), storage, 4)
    chosen = found.recipe.chosen
    assert chosen["study"] == study.study_name
    assert chosen["trials"] == 4
    assert chosen["inner_log_loss"] == {"default": found.default.loss, "best": found.best.loss}
    assert len(chosen["origins"]) == 2


def test_a_real_search_finds_more_than_a_poor_default(storage, monkeypatch):
    """Trees of two leaves that hardly learn, against a space that holds better ones."""
    monkeypatch.setitem(tuning.PARAMETERS, "learning_rate", 0.015)
    monkeypatch.setattr(forward, "MOST_ROUNDS", 20)
    examples = drawn(1, n=900, longest=10)
    recipe = Recipe(rhythm="posting", seeds=1, threads=1, inner_folds=2)
    task = task_of(examples, ENCODING, "late_payment", POLICY, recipe)
    found, _ = searched(task, storage, 8)
    assert found.adopted
    assert found.recipe.parameters["learning_rate"] > 0.015


# The space.


@pytest.mark.parametrize("target", TARGETS)
def test_the_default_lies_in_the_search_space(target, quick, storage):
    default = default_of(target)
    assert list(default) == list(SPACE)
    for name, distribution in SPACE.items():
        assert distribution._contains(distribution.to_internal_repr(default[name])), name


def test_every_parameter_that_is_tried_may_stand_in_a_recipe_file():
    assert set(BOOSTING) <= set(MAY_SET)
    for name, distribution in BOOSTING.items():
        kind, low, high = MAY_SET[name]
        ends = getattr(distribution, "choices", None) or (distribution.low, distribution.high)
        assert all(type(end) is kind and low <= end <= high for end in ends), name


def test_a_point_of_the_space_leaves_out_families_and_weak_groups():
    task = replace(small_task(), weakest={0.0: (), 0.05: ("due_weekday",)})
    default = default_of("late_payment")
    assert recipe_of(task, default | {"without_attribute": True}).left_out == ("Region",)
    both = default | {"without_attribute": True, "weakest_left_out": 0.05, "half_life_days": 90.0}
    found = recipe_of(task, both)
    assert found.left_out == ("due_weekday", "Region")
    assert found.half_life_days == 90.0
    assert recipe_of(task, default | {"num_leaves": 7}).parameters == {"num_leaves": 7}


def test_the_features_are_ranked_by_their_gain():
    weak = small_task().weakest
    assert weak[0.0] == ()
    assert "late_share" not in weak[0.05]


def test_another_question_is_another_search():
    task, facts = small_task(), {"log_fingerprint": "a"}
    name = study_name(task, TRAIN_UNTIL, facts)
    assert name == study_name(small_task(), TRAIN_UNTIL, dict(facts))
    assert name.startswith("late_payment-20220501-")
    others = {
        study_name(task, TRAIN_UNTIL + DAY, facts),
        study_name(task, TRAIN_UNTIL, {"log_fingerprint": "b"}),
        study_name(replace(task, policy=POLICY.changed(late_after_days=9)), TRAIN_UNTIL, facts),
        study_name(small_task(folds=3), TRAIN_UNTIL, facts),
    }
    assert len(others - {name}) == 4


def test_a_stretch_with_few_cases_of_a_kind_is_left_out():
    examples = drawn(0)
    assert len(stretches_of(examples, 2)) == 2
    last: Stretch = stretches_of(examples, 2)[1]
    one_kind = np.where(last.after, 0.0, examples.y)
    assert [s.origin for s in stretches_of(replace(examples, y=one_kind), 2)] == [
        stretches_of(examples, 2)[0].origin
    ]
