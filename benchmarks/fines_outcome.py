"""The fines, "will it go to credit collection?", from prefixes, as in Teinemaa et al. 2019.

The protocol (ACM TKDD 13(2), github.com/irhete/predictive-monitoring-benchmark): cases that end
with sending are dropped as incomplete; a case is positive if it goes to credit collection, and is
cut before; the earliest 80 % of the cases, by start, train, their events from the first test case
on are dropped and their labels kept; prefixes of 1 to 10 events, one bucket, aggregation encoding;
ROC AUC for each prefix length, overall their mean weighted by the number of prefixes.

LightGBM and, if it is installed, XGBoost, each in several settings of which inner origins of the
training part choose one, on the protocol's columns and with last state, payments and balance
besides ("plus"; settings chosen on the former), over several seeds. Four settings, both libraries
with trees grown leaf by leaf or by depth, also without `open_cases`, say what parts them.

    python -m benchmarks.fines_outcome traffic_fines_events.parquet
    python -m benchmarks.fines_outcome whole_log.parquet --started-before all

Where a log ends before its youngest fines can have been collected, `--started-before` leaves those
out; by default the log's own batches say from when on. The whole log's protocol is `all`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.fines_prefixes import (
    LONGEST,
    Outcomes,
    Prefixes,
    encode,
    label_cases,
    lacking_columns,
    outcome_known_until,
    read_events,
)

try:
    import xgboost
except ImportError:
    xgboost = None  # type: ignore[assignment]

Floats = NDArray[np.float64]
TRAIN_SHARE = 0.8
#: The published log, for `check_published`: cases in it; cases, events and share after the cut.
PUBLISHED_LOG = (150_370, 129_615, 460_556, 0.455)
#: Inner origins for choices: share of the training cases to train on, and up to which to look.
INNER = ((0.5, 0.65), (0.65, 0.8), (0.8, 1.0))
HORIZON = pd.Timedelta(days=1096)

CONTEXT = """\
Published on the whole log (2000 to 2013, split 2009-06-26, 25,923 test cases), context only:

| source | method | weighted AUC | Brier |
|---|---|---|---|
| thesis | random forest, aggregation | 0.646 | 0.19 |
| thesis | random forest, tuned over five runs, for stability too | 0.661 (best) | |
| thesis | XGBoost, aggregation | 0.645 | 0.19 |
| thesis | XGBoost, five runs / for stability too | 0.641 / 0.634 | |
| our reference run | LightGBM, aggregation, tuned | 0.652 | 0.184 |
| our reference run | XGBoost, aggregation, four seeds | 0.674 ± 0.008 | 0.176 |
| our reference run | XGBoost, plus, four seeds | 0.694 ± 0.004 | 0.174 |

Thesis: Teinemaa 2019, outputs of `generate_latex_tables.ipynb` in
github.com/irhete/predictive-monitoring-thesis. The table of ACM TKDD 13(2) could not be read."""

SAMPLED = {"learning_rate": 0.1, "bagging_fraction": 0.8, "bagging_freq": 1}
SAMPLED |= {"feature_fraction": 0.3}
SAMPLED_TOO = {"eta": 0.1, "subsample": 0.8, "colsample_bytree": 0.3}
BY_LEAF = {"grow_policy": "lossguide", "max_depth": 0, "max_leaves": 64}
AS_IT_COMES = "LightGBM as it comes"
BY_LEAF_LIGHT, GROWN_ALIKE = "LightGBM, 64 leaves", "LightGBM, 64 leaves, at most 6 deep"
BY_LEAF_EXTREME, BY_DEPTH_EXTREME = "XGBoost, leaf by leaf, 64 leaves", "XGBoost, 6 deep"
#: Settings to choose from on the inner origins. Two of each library's differ in how trees grow
#: only, leaf by leaf (LightGBM's way) or by depth (XGBoost's), to tell growth from library.
#: `GROWN_ALIKE` is the one that takes XGBoost's lead away on the protocol's columns. The reason is
#: `open_cases`: it counts with cases' ends, so it looks ahead, and it drifts; leaf by leaf, trees
#: follow it deeper than six splits. Without it either library does better, LightGBM leaf by leaf
#: most. The inner origins do not tell the two ways of growing apart, so what they choose stands
#: beside.
LIGHTGBM: dict[str, dict[str, Any]] = {
    AS_IT_COMES: {"rounds": 100},
    BY_LEAF_LIGHT: {"rounds": 100, "num_leaves": 64} | SAMPLED,
    GROWN_ALIKE: {"rounds": 100, "num_leaves": 64, "max_depth": 6} | SAMPLED,
    "LightGBM, 31 leaves of 300 rows": {"rounds": 100, "min_data_in_leaf": 300} | SAMPLED,
    "LightGBM, at most 6 deep, random cuts": {
        "rounds": 100,
        "num_leaves": 64,
        "max_depth": 6,
        "extra_trees": True,
    }
    | SAMPLED,
}
XGBOOST: dict[str, dict[str, Any]] = {
    BY_LEAF_EXTREME: {"rounds": 100} | BY_LEAF | SAMPLED_TOO,
    BY_DEPTH_EXTREME: {"rounds": 100, "max_depth": 6} | SAMPLED_TOO,
    "XGBoost, 4 deep, twice the trees": {"rounds": 200, "max_depth": 4} | SAMPLED_TOO,
}
#: The settings that tell growth from library.
CROSSED = (BY_LEAF_LIGHT, GROWN_ALIKE, BY_LEAF_EXTREME, BY_DEPTH_EXTREME)
PLAIN, PLUS = "protocol's columns", "plus"
#: Either without the column that looks ahead.
AHEAD = "open_cases"
PLAIN_BLIND, PLUS_BLIND = f"protocol's, no {AHEAD}", f"plus, no {AHEAD}"


@dataclass(frozen=True)
class Split:
    """Training and test prefixes.

    Attributes
    ----------
    train, test : Prefixes
    since : Timestamp
        Start of the first test case.
    """

    train: Prefixes
    test: Prefixes
    since: pd.Timestamp


@dataclass(frozen=True)
class Tried:
    """One learner on one set of columns.

    Attributes
    ----------
    p : list of ndarray of float64, shape (n_test,)
        One for each seed.
    seconds : float
        Of one fit.
    """

    p: list[Floats]
    seconds: float


def case_starts(prefixes: Prefixes) -> pd.Series:
    """Start of each case, in their order."""
    starts = pd.Series(prefixes.start).groupby(prefixes.case).first()
    return starts.sort_values(kind="stable")


def split_strictly(prefixes: Prefixes, share: float, split_date: pd.Timestamp | None) -> Split:
    """Split by case start; training events from the first test case's start on are dropped."""
    starts = case_starts(prefixes)
    n_train = int(share * len(starts))
    if split_date is not None:
        n_train = int((starts < split_date).sum())
    if not 0 < n_train < len(starts):
        raise SystemExit(f"The split leaves {n_train:,} of {len(starts):,} cases to train on.")
    since = starts.iloc[n_train]
    return _at(prefixes, starts.index[:n_train], starts.index[n_train:], since)


def _at(prefixes: Prefixes, train: pd.Index, test: pd.Index, since: pd.Timestamp) -> Split:
    early = np.isin(prefixes.case, train) & (prefixes.at < np.datetime64(since))
    return Split(prefixes.take(early), prefixes.take(np.isin(prefixes.case, test)), since)


def inner_splits(train: Prefixes) -> list[Split]:
    """Splits inside the training part, for choices."""
    starts = case_starts(train)
    found = []
    for first, last in INNER:
        n, until = int(first * len(starts)), int(last * len(starts))
        found.append(_at(train, starts.index[:n], starts.index[n:until], starts.iloc[n]))
    return found


# Learners: columns, labels and a seed in, a function that predicts out

Predict = Callable[[NDArray[np.float32]], Floats]
Say = Callable[[str], None]
Learner = Callable[[NDArray[np.float32], Floats, int], Predict]


def with_lightgbm(rounds: int, **changes: Any) -> Learner:
    """LightGBM, one thread."""
    fixed = {
        "objective": "binary",
        "verbose": -1,
        "num_threads": 1,
        "deterministic": True,
        "force_col_wise": True,
    }

    def fit(values: NDArray[np.float32], y: Floats, seed: int) -> Predict:
        data = lgb.Dataset(values, y, params={"verbose": -1})
        booster = lgb.train(fixed | changes | {"seed": seed}, data, rounds)
        return lambda rows: np.asarray(booster.predict(rows))

    return fit


def with_xgboost(rounds: int, **changes: Any) -> Learner:
    """XGBoost's histogram trees, one thread."""
    fixed = {"objective": "binary:logistic", "tree_method": "hist", "nthread": 1}

    def fit(values: NDArray[np.float32], y: Floats, seed: int) -> Predict:
        data = xgboost.QuantileDMatrix(values, y, nthread=1)
        booster = xgboost.train(fixed | changes | {"seed": seed}, data, rounds)
        return lambda rows: booster.predict(xgboost.DMatrix(rows, nthread=1)).astype(np.float64)

    return fit


def columns_of(prefixes: Prefixes, which: str) -> NDArray[np.float32]:
    """The protocol's columns, or these and the ones beyond it, with or without `AHEAD`."""
    place = np.arange(len(prefixes.columns))
    kept = place < prefixes.n_protocol if which in (PLAIN, PLAIN_BLIND) else place >= 0
    if which in (PLAIN_BLIND, PLUS_BLIND):
        kept &= np.array([AHEAD not in name for name in prefixes.columns])
    return np.ascontiguousarray(prefixes.values[:, kept])


def attempt(split: Split, which: str, learner: Learner, seeds: int) -> Tried:
    """Fit and predict, once a seed."""
    values, rows = columns_of(split.train, which), columns_of(split.test, which)
    begun = time.perf_counter()
    p = [learner(values, split.train.y, seed)(rows) for seed in range(seeds)]
    return Tried(p, (time.perf_counter() - begun) / seeds)


def look_up(split: Split) -> Floats:
    """Share of positives by last activity and prefix length: no model at all."""
    frame = pd.DataFrame({"last": split.train.last, "length": split.train.length})
    share = pd.Series(split.train.y).groupby([frame["last"], frame["length"]]).mean()
    asked = pd.MultiIndex.from_arrays([split.test.last, split.test.length])
    return share.reindex(asked).fillna(split.train.y.mean()).to_numpy(dtype=np.float64)


# Quality


def auc_by_length(test: Prefixes, p: Floats, weight: Floats | None = None) -> Floats:
    """ROC AUC of the prefixes of each length, shape (LONGEST,); NaN where one kind is lacking."""
    found = np.full(LONGEST, np.nan)
    for length in range(1, LONGEST + 1):
        rows = test.length == length
        if weight is not None:
            rows &= weight > 0
        if len(np.unique(test.y[rows])) == 2:
            drawn = None if weight is None else weight[rows]
            found[length - 1] = roc_auc_score(test.y[rows], p[rows], sample_weight=drawn)
    return found


def weighted_auc(test: Prefixes, p: Floats, weight: Floats | None = None) -> float:
    """Mean of the AUCs by length, weighted by the number of prefixes."""
    each = auc_by_length(test, p, weight)
    n = np.bincount(test.length, weights=weight, minlength=LONGEST + 1)[1:]
    known = ~np.isnan(each)
    return float(np.average(each[known], weights=n[known])) if known.any() else float("nan")


def bootstrapped(test: Prefixes, p: list[Floats], repeats: int) -> Floats:
    """Weighted AUC, mean over seeds, of resampled cases; the same draws for every model."""
    code = pd.factorize(test.case)[0]
    n = code.max() + 1
    random = np.random.default_rng(0)
    found = np.empty(repeats)
    for i in range(repeats):
        drawn = np.bincount(random.integers(0, n, n), minlength=n).astype(np.float64)[code]
        found[i] = np.mean([weighted_auc(test, one, drawn) for one in p])
    return found


# Printing


def print_protocol(path: Path, events: pd.DataFrame, outcomes: Outcomes, split: Split) -> None:
    """What was done, and what differs from the published protocol."""
    facts = outcomes.facts
    lacking = lacking_columns(events)
    collected = outcomes.collected_at[outcomes.collected_at.index.isin(split.train.case)]
    late = int((collected >= split.since).sum())
    n_train, n_test = len(np.unique(split.train.case)), len(np.unique(split.test.case))
    print(f"\n### {path.name}: credit collection from prefixes\n")
    print(
        f"- Log {events['at'].min():%Y-%m-%d} to {events['at'].max():%Y-%m-%d}, "
        f"{facts['cases in the log']:,} cases; left out as too young "
        f"{facts['left out as too young']:,}, dropped as incomplete "
        f"{facts['dropped as incomplete']:,}; {facts['cases']:,} cases, {facts['events']:,} "
        f"events, {facts['positive share']:.1%} positive, median length "
        f"{facts['median length']:.0f}, longest {facts['longest']}."
    )
    print(
        f"- Split at {split.since:%Y-%m-%d}: {n_train:,} training cases "
        f"({len(split.train):,} prefixes, {split.train.y.mean():.1%} positive), {n_test:,} test "
        f"cases ({len(split.test):,} prefixes, {split.test.y.mean():.1%})."
    )
    print(
        "\nWhat differs from the published protocol:\n\n"
        f"- Columns lacking: {', '.join(lacking) or 'none'}."
        + (
            " `expense` is what sending added to the amount owed."
            if "expense" not in events
            else ""
        )
        + " `open_cases` looks ahead to each case's last event, as published."
        f"\n- Labels from the future, as published: {late:,} training cases go to credit "
        "collection only after the split."
    )


def print_cohorts(events: pd.DataFrame, before: pd.Timestamp | None) -> None:
    """What the split would be with all cases, and how the young ones stand."""
    everything = (
        label_cases(events, None).events.groupby("case").agg(start=("at", "min"), y=("y", "first"))
    )
    starts = everything.sort_values("start", kind="stable")
    n_train = int(TRAIN_SHARE * len(starts))
    test = starts.iloc[n_train:]
    print(
        f"- With all {len(starts):,} cases the split would fall on {test['start'].iloc[0]:%Y-%m-%d}"
        f" and {int(test['y'].sum()):,} of {len(test):,} test cases would be positive"
        + (": no AUC." if test["y"].nunique() < 2 else ".")
    )
    if before is not None:
        print(
            f"- Only cases begun before {before:%Y-%m-%d}: later ones' penalties came after those "
            "that the last batch of the log took, so their outcome is not in it."
        )
    by_year = everything.groupby(everything["start"].dt.year)["y"].agg(["size", "mean"])
    print("\n| cases begun in | " + " | ".join(str(year) for year in by_year.index) + " |")
    print("|---" * (len(by_year) + 1) + "|")
    print("| cases | " + " | ".join(f"{n:,}" for n in by_year["size"]) + " |")
    print("| positive | " + " | ".join(f"{share:.1%}" for share in by_year["mean"]) + " |")


def print_quality(test: Prefixes, tried: dict[tuple[str, str], Tried]) -> None:
    """Overall figures, then AUC by prefix length."""
    unpaid = test.take(test.is_unpaid)
    print(
        "\n| model | columns | weighted AUC | no payment yet | pooled AUC | AP | Brier | s a fit |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for (name, which), one in tried.items():
        weighted = [weighted_auc(test, p) for p in one.p]
        cells = [
            f"{np.mean(weighted):.3f}" + (f" ± {np.std(weighted):.3f}" if len(one.p) > 1 else ""),
            f"{np.mean([weighted_auc(unpaid, p[test.is_unpaid]) for p in one.p]):.3f}",
            f"{np.mean([roc_auc_score(test.y, p) for p in one.p]):.3f}",
            f"{np.mean([average_precision_score(test.y, p) for p in one.p]):.3f}",
            f"{np.mean([np.mean((p - test.y) ** 2) for p in one.p]):.3f}",
            f"{one.seconds:.0f}",
        ]
        print(f"| {name} | {which} | {' | '.join(cells)} |")
    lengths = range(1, LONGEST + 1)
    print("\n| AUC by prefix length | columns | " + " | ".join(str(k) for k in lengths) + " |")
    print("|---|---|" + "---|" * LONGEST)
    counts = [int((test.length == k).sum()) for k in lengths]
    positives = [int(test.y[test.length == k].sum()) for k in lengths]
    print("| test prefixes | | " + " | ".join(f"{n:,}" for n in counts) + " |")
    print("| positive | | " + " | ".join(f"{n:,}" for n in positives) + " |")
    for (name, which), one in tried.items():
        each = np.mean([auc_by_length(test, p) for p in one.p], axis=0)
        cells = ["–" if np.isnan(auc) else f"{auc:.3f}" for auc in each]
        print(f"| {name} | {which} | {' | '.join(cells)} |")


def print_differences(
    test: Prefixes, tried: dict[tuple[str, str], Tried], pairs: list[tuple[str, str]], repeats: int
) -> None:
    """Weighted AUC of one less another, with intervals by resampled cases."""
    print("\n| weighted AUC | columns | difference | 95 % by resampled cases |")
    print("|---|---|---|---|")
    for which in (PLAIN, PLAIN_BLIND, PLUS, PLUS_BLIND):
        there = [pair for pair in pairs if all((name, which) in tried for name in pair)]
        drawn = {
            name: bootstrapped(test, tried[name, which].p, repeats)
            for name in dict.fromkeys(name for pair in there for name in pair)
        }
        for one, other in there:
            gap = drawn[one] - drawn[other]
            low, high = np.quantile(gap, [0.025, 0.975])
            means = [
                np.mean([weighted_auc(test, p) for p in tried[n, which].p]) for n in (one, other)
            ]
            print(
                f"| {one} less {other} | {which} | {means[0] - means[1]:+.4f} "
                f"| {low:+.4f} to {high:+.4f} |"
            )


def check_published(facts: dict[str, Any]) -> None:
    """Stop if the whole log does not give the published counts."""
    in_log, cases, events, share = PUBLISHED_LOG
    if facts["cases in the log"] != in_log or facts["left out as too young"]:
        return
    found = facts["cases"], facts["events"], round(facts["positive share"], 3)
    if found != (cases, events, share):
        raise SystemExit(f"The whole log gives {found}, published are {(cases, events, share)}.")
    print("Counts are those published for the whole log.")


@dataclass(frozen=True)
class Choice:
    """What the inner origins say.

    Attributes
    ----------
    lines : list of str
        A row of the table for each setting.
    lightgbm, xgboost : str
        Settings with the highest mean weighted AUC; "" without that library.
    """

    lines: list[str]
    lightgbm: str
    xgboost: str


def choose(split: Split, learners: dict[str, Learner], seeds: int, say: Say) -> Choice:
    """Try the settings on the inner origins, on the protocol's columns."""
    inner = inner_splits(split.train)
    names = [f"{one.since:%Y-%m-%d}" for one in inner]
    lines = [
        f"| weighted AUC, test cases from | {' | '.join(names)} | mean | pooled AUC, mean |",
        "|---" * (len(inner) + 3) + "|",
    ]
    means = {}
    for name, learner in learners.items():
        say(f"inner origins: {name}")
        tried = [attempt(one, PLAIN, learner, seeds) for one in inner]
        each = [
            float(np.mean([weighted_auc(one.test, p) for p in found.p]))
            for one, found in zip(inner, tried, strict=True)
        ]
        pooled = [
            np.mean([roc_auc_score(one.test.y, p) for p in found.p])
            for one, found in zip(inner, tried, strict=True)
        ]
        means[name] = np.mean(each)
        cells = [f"{auc:.4f}" for auc in (*each, means[name], np.mean(pooled))]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    light, extreme = [
        max((name for name in settings if name in means), key=means.__getitem__, default="")
        for settings in (LIGHTGBM, XGBOOST)
    ]
    return Choice(lines, light, extreme)


def compared(choice: Choice) -> list[tuple[str, str]]:
    """Settings whose difference is shown: growth within each library, library, and choices."""
    if not choice.xgboost:
        return [(GROWN_ALIKE, BY_LEAF_LIGHT), (choice.lightgbm, AS_IT_COMES)]
    pairs = [
        (GROWN_ALIKE, BY_LEAF_LIGHT),
        (BY_DEPTH_EXTREME, BY_LEAF_EXTREME),
        (BY_LEAF_EXTREME, BY_LEAF_LIGHT),
        (BY_DEPTH_EXTREME, GROWN_ALIKE),
        (choice.xgboost, AS_IT_COMES),
        (choice.xgboost, choice.lightgbm),
        (choice.xgboost, GROWN_ALIKE),
    ]
    return list(dict.fromkeys(pair for pair in pairs if pair[0] != pair[1]))


def run(chosen: argparse.Namespace) -> None:
    """Read, encode, fit and print."""
    begun = time.perf_counter()

    def say(text: str) -> None:
        print(f"[{time.perf_counter() - begun:5.0f} s] {text}", flush=True)

    say(f"reading {chosen.log.name}")
    events = read_events(chosen.log)
    before: pd.Timestamp | None = outcome_known_until(events)
    if chosen.started_before is not None:
        everything = chosen.started_before == "all"
        before = None if everything else pd.Timestamp(chosen.started_before)
    outcomes = label_cases(events, before)
    check_published(outcomes.facts)
    say("encoding")
    date = pd.Timestamp(chosen.split_date) if chosen.split_date else None
    split = split_strictly(encode(outcomes), TRAIN_SHARE, date)
    learners = {name: with_lightgbm(**settings) for name, settings in LIGHTGBM.items()}
    if xgboost is None:
        say("XGBoost is not installed: `pip install xgboost` adds its rows")
    else:
        learners |= {name: with_xgboost(**settings) for name, settings in XGBOOST.items()}
    choice = choose(split, learners, chosen.seeds, say)
    tried = {("last activity × length look-up", "–"): Tried([look_up(split)], 0.0)}
    for which in (PLAIN, PLAIN_BLIND, PLUS, PLUS_BLIND):
        for name in learners if which in (PLAIN, PLUS) else CROSSED:
            if name in learners:
                say(f"test: {name}, {which}")
                tried[name, which] = attempt(split, which, learners[name], chosen.seeds)
    decided = split.train.start < np.datetime64(split.since - HORIZON)
    if 0 < split.train.y[decided].sum() < decided.sum():
        known = Split(split.train.take(decided), split.test, split.since)
        name = f"{GROWN_ALIKE}; trained on cases begun {HORIZON.days:,} days before the split"
        tried[name, PLUS] = attempt(known, PLUS, learners[GROWN_ALIKE], chosen.seeds)
    print_protocol(chosen.log, events, outcomes, split)
    print_cohorts(events, before)
    print(
        f"\n{chosen.seeds} seeds, one thread. Settings are chosen on three inner origins of the "
        "training part, by the mean of the weighted AUC:\n"
    )
    print("\n".join(choice.lines))
    print(f"\nChosen: {choice.lightgbm} and {choice.xgboost or 'no XGBoost'}.")
    print_quality(split.test, tried)
    say("differences")
    pairs = compared(choice)
    print_differences(split.test, tried, pairs, chosen.repeats)
    print(f"\n{CONTEXT}\n\nTotal run time {time.perf_counter() - begun:.0f} s.")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("log", type=Path, metavar="LOG", help="fines log in the template")
    parser.add_argument(
        "--started-before", metavar="DATE|all", help="leave out younger cases; see above"
    )
    parser.add_argument(
        "--split-date", metavar="DATE", help="cases begun from here on test; by default 80/20"
    )
    parser.add_argument("--seeds", type=int, default=3, help="fits of each model; 3")
    parser.add_argument("--repeats", type=int, default=200, help="bootstrap samples; 200")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
