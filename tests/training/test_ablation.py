"""An ablation tells what a part of a model adds: nothing where it is useless."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from eventlog.errors import DataError, SettingsError
from eventlog.log import micros
from eventlog.reader import log_from_frame
from tests.training.company import (
    POLICY,
    RECIPE,
    TEST_UNTIL,
    TRAIN_UNTIL,
    company_frame,
    company_log,
    company_rates,
    trained,
)
from tests.training.tables import table
from training import ablation, fit
from training.ablation import (
    FULL,
    SHOWN,
    Ablation,
    Variant,
    ablate,
    family_variants,
    log_losses,
    recipe_variants,
    weighted_rankings,
)
from training.evaluation import metrics
from training.examples import InMemory
from training.fit import Recipe

pytestmark = pytest.mark.slow

DATES = (TRAIN_UNTIL, micros("2022-08-01"), TEST_UNTIL)
NOISE = ("Noise", "NoiseLevel")


def ablated(
    variants,
    dates=(TRAIN_UNTIL, TEST_UNTIL),
    log=None,
    recipe=RECIPE,
    target="still_open",
    **options,
):
    """An ablation with few trees, for speed."""
    log = company_log() if log is None else log
    options = {"repeats": 60} | options
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "MOST_ROUNDS", 60)
        return ablate(
            log, target, dates, POLICY, company_rates(), recipe, variants=variants, **options
        )


@cache
def of_families() -> Ablation:
    """The company's features, and two useless attributes beside them."""
    frame = company_frame()
    draw = np.random.default_rng(0)
    frame = frame.assign(
        Noise=draw.normal(size=len(frame)), NoiseLevel=draw.choice(list("abcd"), len(frame))
    )
    log, _ = log_from_frame(frame)
    recipe = Recipe(rhythm="monthly", threads=1, seeds=1, inner_folds=2, only=NOISE)
    variants = [
        Variant("without attribute", "without", NOISE),
        Variant("only attribute", "only", tuple(trained("still_open")[1].matrix.columns)),
        Variant("the same", "recipe"),
    ]
    return ablated(variants, DATES, log, recipe)


def row(found: Ablation, name: str):
    return next(each for each in found.rows if each.variant.name == name)


def test_a_planted_useless_family_adds_nothing():
    useless = row(of_families(), "without attribute")
    assert abs(useless.differences["roc_auc"].estimate) < 0.01
    for metric, higher_is_better in SHOWN.items():
        is_missed = (useless.differences[metric].estimate < 0) == higher_is_better
        assert not (is_missed and of_families().is_clear(useless, metric)), metric


def test_without_all_that_is_useful_the_model_is_clearly_worse():
    alone = row(of_families(), "only attribute")
    for metric, higher_is_better in SHOWN.items():
        assert of_families().is_clear(alone, metric)
        assert (alone.differences[metric].estimate < 0) == higher_is_better
    assert alone.figures["roc_auc"] < 0.6


def test_a_variant_that_changes_nothing_differs_by_nothing():
    same = row(of_families(), "the same")
    for found in same.differences.values():
        assert (found.estimate, found.low, found.high) == (0, 0, 0)


def test_other_seeds_alone_make_a_little_difference():
    noise = of_families().fit_noise
    assert set(noise) == set(SHOWN)
    assert 0 < noise["log_loss"] < 0.02


def test_a_difference_that_other_seeds_make_as_well_is_not_clear():
    alone = row(of_families(), "only attribute")
    found = alone.differences["brier"]
    as_large = replace(of_families(), fit_noise={"brier": abs(found.estimate)})
    assert not as_large.is_clear(alone, "brier")


def test_the_full_model_comes_first_with_nothing_to_differ_from():
    first = of_families().rows[0]
    assert (first.variant.name, first.differences) == (FULL, {})


def test_origins_are_pooled_and_told_one_by_one():
    facts, first = of_families().facts, of_families().rows[0]
    assert facts["origins"] == ["2022-05-01", "2022-08-01", "2022-11-01"]
    assert list(first.by_origin) == ["2022-05-01", "2022-08-01"]
    assert sum(each["n"] for each in first.by_origin.values()) == facts["n_test"]
    assert facts["n_train"][0] < facts["n_train"][1]
    assert facts["resampled"] == "customers"


def test_rankings_are_means_over_the_origins_and_losses_over_the_rows():
    for each in of_families().rows:
        origins = list(each.by_origin.values())
        for metric in ("roc_auc", "average_precision"):
            expected = np.mean([origin[metric] for origin in origins])
            assert each.figures[metric] == pytest.approx(expected), metric
        n = np.array([origin["n"] for origin in origins])
        for metric in ("brier", "log_loss"):
            expected = np.average([origin[metric] for origin in origins], weights=n)
            assert each.figures[metric] == pytest.approx(expected), metric


def test_differences_are_those_of_the_figures():
    first = of_families().rows[0]
    for each in of_families().rows[1:]:
        for metric, found in each.differences.items():
            expected = each.figures[metric] - first.figures[metric]
            assert found.estimate == pytest.approx(expected), metric
            assert found.low <= found.estimate <= found.high


def test_nothing_is_looked_at_that_became_known_after_the_log_was_cut():
    whole, cut = (
        ablated([], log=log, repeats=0)
        for log in (company_log(), InMemory(company_log()).before(micros("2022-09-15")))
    )
    assert cut.facts["n_test"] < whole.facts["n_test"]
    assert cut.facts["log_end"] < "2022-09-15"
    assert cut.rows[0].differences == {}


def test_a_class_weight_moves_the_level_less_where_it_is_corrected():
    weight = {"scale_pos_weight": 4.0}
    found = ablated(
        [
            Variant("corrected", "recipe", parameters=weight),
            Variant("not corrected", "recipe", parameters=weight, is_corrected=False),
        ],
        target="late_payment",
    )
    full, corrected, not_corrected = (each.by_origin["2022-05-01"] for each in found.rows)
    moved = not_corrected["mean_p"] - full["mean_p"]
    assert moved > 0.1
    assert abs(corrected["mean_p"] - full["mean_p"]) < 0.75 * moved
    assert found.is_clear(found.rows[2], "brier")
    assert not_corrected["roc_auc"] == pytest.approx(corrected["roc_auc"])


# The variants.


def matrix():
    draw = np.random.default_rng(0)
    columns = ("age_days", "late_share", "tenure_days", "due_weekday", "Region")
    values = {name: draw.normal(size=50) for name in columns}
    return table(
        [], **values, segment_late_ratio=np.full(50, np.nan), country_late_ratio=[1.0] * 50
    )


def test_each_family_that_varies_is_taken_away_and_left_alone():
    named = {variant.name: variant.left_out for variant in family_variants(matrix())}
    assert list(named) == [
        *("without invoice", "without customer", "without calendar", "without attribute"),
        *("only invoice", "only customer", "only calendar", "only attribute"),
    ]
    assert named["without customer"] == ("late_share", "tenure_days")
    assert set(named["only calendar"]) == set(matrix().columns) - {"due_weekday"}


def test_groups_are_taken_away_one_by_one():
    named = {variant.name: variant.left_out for variant in family_variants(matrix(), "group")}
    assert named["without late record"] == ("late_share",)
    assert named["without tenure"] == ("tenure_days",)
    assert not any(name.startswith("only") for name in named)


def test_another_way_of_taking_features_away_is_refused():
    with pytest.raises(SettingsError, match=r"by 'family' or by 'group', not by 'column'"):
        family_variants(matrix(), "column")


def test_the_recipe_is_turned_the_other_way_round():
    usual = {each.name: each for each in recipe_variants(Recipe(), POLICY, 0.2)}
    assert usual["monotone constraints off"].policy["never_lowers_risk"] == ()
    assert usual["class weight 4.0"].parameters == {"scale_pos_weight": pytest.approx(4.0)}
    assert "recency, half-life 365 days" in usual
    assert "no recency weights" not in usual
    tuned = Recipe(half_life_days=365.0, parameters={"scale_pos_weight": 3.0})
    turned = {each.name: each for each in recipe_variants(tuned, POLICY, 0.2)}
    assert turned["no recency weights"].recipe == {"half_life_days": 0.0}
    assert turned["no class weight"].parameters == {"scale_pos_weight": 1.0}
    free = POLICY.changed(never_lowers_risk=())
    assert "monotone constraints off" not in {
        each.name for each in recipe_variants(Recipe(), free, 0.2)
    }


def test_dates_that_do_not_rise_are_refused():
    with pytest.raises(SettingsError, match=r"dates of an ablation have to rise"):
        ablated([], dates=(TEST_UNTIL, TRAIN_UNTIL))


def test_a_stretch_without_labels_says_when_the_log_ends():
    end = company_log().ends_at
    with pytest.raises(DataError, match=r"still_open: no row from .* the log ends on 2023-01"):
        ablated([], dates=(end + 1, end + 2))


# Rankings and losses under weights.


@pytest.mark.parametrize("digits", [1, 6], ids=["many ties", "no ties"])
def test_rankings_under_weights_are_those_of_scikit_learn(digits, monkeypatch):
    monkeypatch.setattr(ablation, "_CELLS", 500)
    draw = np.random.default_rng(0)
    y, p = (draw.random(200) < 0.3).astype(np.float64), draw.random(200).round(digits)
    code = draw.integers(0, 40, 200)
    weight = draw.multinomial(40, np.full(40, 1 / 40), 7).astype(np.float64)
    found = weighted_rankings(y, p, code, weight)
    for i, of_customer in enumerate(weight):
        w = of_customer[code]
        assert found[i, 0] == pytest.approx(roc_auc_score(y, p, sample_weight=w))
        assert found[i, 1] == pytest.approx(average_precision_score(y, p, sample_weight=w))


def test_outcomes_of_one_kind_cannot_be_ranked():
    p, weight = np.array([0.1, 0.9]), np.ones((1, 2))
    for y in (np.zeros(2), np.ones(2)):
        assert np.isnan(weighted_rankings(y, p, np.arange(2), weight)).all()


def test_log_loss_is_that_of_the_metrics():
    draw = np.random.default_rng(0)
    y, p = (draw.random(200) < 0.3).astype(np.float64), draw.random(200)
    expected = metrics(y, p, np.ones(200), 0.3)["log_loss"]
    assert log_losses(y, p).mean() == pytest.approx(expected)
