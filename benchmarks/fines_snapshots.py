"""The fines as a worklist: which open fines will go to credit collection, quarter by quarter.

The unit is an open fine at the end of a quarter; the question, whether it goes to credit
collection within a horizon *of its creation*. The model is trained on fines whose horizon had ended
by the model date (an embargo by cohort: which fine is in depends on when it was created alone, not
on how it ended) and tested on the fines of the others that are open at the later quarter ends. No
fine is on both sides, none is left out as incomplete, nothing later than a snapshot is seen in its
features, and no test fine's horizon ends after the log.

    python -m benchmarks.fines_snapshots traffic_fines_events.parquet
    python -m benchmarks.fines_snapshots whole_log.parquet --model-date 2007-06-30

The dates by default are for the part of the log that ends in 2008: model date 2004-12-31, so that
the training fines are those of two full years (created 2000-01-01 to 2001-12-31), and five
snapshots from 2004-12-31 to 2005-12-31, the last whose fines' 1,096 days end with the log.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.errors import DuecastError
from eventlog.ledger import keep_ledger
from eventlog.log import DAY, NONE, EventLog, micros, timestamp
from eventlog.policy import Policy
from eventlog.rates import rates_for
from eventlog.reader import read_log
from features.attributes import Encoding
from features.catalogue import FEATURES
from features.matrix import build_matrix
from features.snapshots import Snapshots, at_cutoffs
from training.baselines import baseline_predictions
from training.evaluation import metrics
from training.examples import Examples, InMemory
from training.fit import Recipe, fit_examples
from training.intervals import resample
from training.labels import Target

Floats = NDArray[np.float64]
TARGET: Target = "write_off"
#: Open balance above which a fine counts as open, as in the reference runs.
SMALLEST_BALANCE = 1.0
#: Baselines, and what the tables call them.
BASELINES = {
    "random": "random order, training share",
    "ageing": "ageing band (days past due)",
    "age": "age band (days since creation)",
    "state_age": "last activity × age look-up",
    "logistic": "logistic regression",
}
OURS = "duecast"
#: Reference runs on the whole log (another model date, other snapshots), printed as context.
PUBLISHED = """\
Context, not comparable (the whole log to 2013, model date 2007-06-30, 9 snapshots, 172,406 test
rows, 41.6 % positive; own reference measurements, no published figures exist for this protocol):
age band AUC 0.649, look-up 0.889, logistic 0.899, LightGBM 0.904 (recall@10 % 0.203)."""


@dataclass(frozen=True)
class Side:
    """Training or test rows.

    Attributes
    ----------
    examples : Examples
        `window_end` is creation + horizon.
    left_out : dict of str to int
        Rows not used, and why.
    """

    examples: Examples
    left_out: dict[str, int]


def quarter_ends(first: int, last: int) -> NDArray[np.int64]:
    """Last microsecond of each quarter in ``[first, last]``."""
    days = pd.date_range(timestamp(first).floor("D"), timestamp(last), freq="QE")
    return np.array([micros(day) + DAY - 1 for day in days], dtype=np.int64)


def label_cohorts(
    log: EventLog, snapshots: Snapshots, policy: Policy, horizon: int
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Label by cohort: credit collection within the horizon of creation.

    Returns
    -------
    y : ndarray of float64, shape (n,)
        NaN where the horizon had ended by the snapshot: nothing is left to predict.
    window_end : ndarray of int64, shape (n,)
    created : ndarray of int64, shape (n,)
    """
    ledger = keep_ledger(log, policy)
    created = ledger.as_of(snapshots.invoice, snapshots.cutoff)["issued_at"]
    window_end = created + horizon
    lost = ledger.as_of(snapshots.invoice, window_end)["written_off_at"] != NONE
    y = np.where(snapshots.cutoff < window_end, lost.astype(np.float64), np.nan)
    return y, window_end, created


def gather(
    log: EventLog, cutoffs: NDArray[np.int64], since: int, until: int, horizon: int, policy: Policy
) -> tuple[Snapshots, Floats, NDArray[np.int64], dict[str, int]]:
    """Open fines created in ``[since, until]`` at the cutoffs, with a label."""
    snapshots = at_cutoffs(keep_ledger(log, policy), cutoffs)
    y, window_end, created = label_cohorts(log, snapshots, policy, horizon)
    cohort = (created >= since) & (created <= until)
    asked = ~np.isnan(y)
    left_out = {
        "open, of other cohorts": int((~cohort).sum()),
        "open, horizon already over": int((cohort & ~asked).sum()),
    }
    rows = cohort & asked
    return snapshots.take(rows), y[rows], window_end[rows], left_out


def examples_of(
    log: EventLog,
    found: tuple[Snapshots, Floats, NDArray[np.int64], dict[str, int]],
    encoding: Encoding,
    policy: Policy,
) -> Side:
    """Features of the rows; fines with next to no balance are left out."""
    snapshots, y, window_end, left_out = found
    matrix = build_matrix(log, snapshots, encoding, policy, rates_for(log, None))
    balance = np.nan_to_num(matrix["balance"].astype(np.float64))
    rows = balance > SMALLEST_BALANCE
    left_out[f"open, balance of {SMALLEST_BALANCE:g} or less"] = int((~rows).sum())
    return Side(
        Examples(
            matrix.take(rows),
            y[rows],
            window_end[rows],
            balance[rows],
            snapshots.invoice[rows],
        ),
        left_out,
    )


def by_baselines(train: Examples, test: Examples) -> dict[str, Floats]:
    """Probabilities of the test rows by each baseline, under the tables' names."""
    share = float(train.y.mean())
    found = baseline_predictions(TARGET, train.matrix, train.y, test.matrix)
    noise = np.random.default_rng(0).uniform(-1e-6, 1e-6, len(test.y))
    found |= {"random": share + noise, "age": _by_age(train, test, share)}
    return {said: found[name] for name, said in BASELINES.items()}


def _by_age(train: Examples, test: Examples, share: float) -> Floats:
    """Share of positives by 90 days of age: the ageing report of a log with few due dates."""
    bands = [np.minimum(side.matrix["age_days"] // 90, 99).astype(int) for side in (train, test)]
    hits = np.bincount(bands[0], weights=train.y, minlength=100)
    cases = np.bincount(bands[0], minlength=100)
    return np.where(cases > 0, hits / np.maximum(cases, 1), share)[bands[1]]


def features_of(family: str) -> tuple[str, ...]:
    """Names of the features of a family."""
    return tuple(feature.name for feature in FEATURES if feature.family == family)


def state_of(test: Examples) -> NDArray[np.object_]:
    """Partly paid; else after or before the penalty."""
    matrix = test.matrix
    words = np.where(matrix["n_letters"] > 0, "after the penalty", "before the penalty")
    return np.where(matrix["n_payments"] > 0, "partly paid", words).astype(object)


def print_rankings(test: Examples, ranked: dict[str, Floats], prevalence: float) -> None:
    """Table 1: every ranking on all test rows."""
    names = (
        "AUC",
        "mean AUC a snapshot",
        "AP",
        "Brier",
        "ECE",
        "recall@10 %",
        "recall@20 %",
        "amount recall@10 %",
        "amount recall@20 %",
    )
    print(f"| ranking | {' | '.join(names)} |")
    print("|---|" + "---|" * len(names))
    cutoff = test.matrix.snapshots.cutoff
    for name, p in ranked.items():
        found = metrics(test.y, p, test.balance, prevalence)
        each = [
            metrics(test.y[rows], p[rows], test.balance[rows], prevalence)["roc_auc"]
            for moment in np.unique(cutoff)
            if (rows := cutoff == moment).any()
        ]
        known = [auc for auc in each if auc is not None]
        cells = [
            found["roc_auc"],
            float(np.mean(known)) if known else None,
            found["average_precision"],
            found["brier"],
            found["ece"],
            found["recall_at_10"],
            found["recall_at_20"],
            found["balance_recall_at_10"],
            found["balance_recall_at_20"],
        ]
        print(f"| {name} | {' | '.join(_cell(cell) for cell in cells)} |")
    positive = test.y.mean()
    most = min(1.0, 0.10 / positive), min(1.0, 0.20 / positive)
    print(
        f"\nAt most {most[0]:.3f} (10 %) and {most[1]:.3f} (20 %) of the positives can be found: "
        f"{positive:.1%} of the rows are positive."
    )


def print_groups(
    test: Examples, groups: NDArray[np.object_], ranked: dict[str, Floats], title: str
) -> None:
    """AUC of every ranking within groups of rows."""
    print(f"\n| {title} | rows | positive | mean p, {OURS} | {' | '.join(ranked)} |")
    print("|---|---|---|---|" + "---|" * len(ranked))
    for group in sorted(set(groups)):
        rows = groups == group
        y = test.y[rows]
        aucs = [metrics(y, p[rows], test.balance[rows], 0.5)["roc_auc"] for p in ranked.values()]
        cells = [f"{rows.sum():,}", f"{y.mean():.1%}", f"{ranked[OURS][rows].mean():.1%}"]
        print(f"| {group} | {' | '.join(cells + [_cell(auc) for auc in aucs])} |")


def print_differences(
    test: Examples, ranked: dict[str, Floats], prevalence: float, repeats: int
) -> None:
    """Model less each ranking, with intervals by resampled fines."""
    shown = ("roc_auc", "average_precision", "brier", "balance_recall_at_10")
    group = test.matrix.snapshots.invoice
    found = resample(test.y, ranked, test.balance, group, prevalence, repeats=repeats)
    print(f"\n| {OURS} less … (95 % by resampled fines) | AUC | AP | Brier | amount recall@10 % |")
    print("|---|---|---|---|---|")
    for name in ranked:
        if name != OURS:
            gaps = found.difference(OURS, name)
            cells = [
                f"{gaps[key].estimate:+.3f} ({gaps[key].low:+.3f} to {gaps[key].high:+.3f})"
                for key in shown
            ]
            print(f"| {name} | {' | '.join(cells)} |")


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def describe(name: str, side: Side) -> str:
    """One line on the rows of a side."""
    examples = side.examples
    snapshots = examples.matrix.snapshots
    moments = np.unique(snapshots.cutoff)
    left = "; ".join(f"{n:,} {why}" for why, n in side.left_out.items())
    return (
        f"- {name}: {len(examples.y):,} rows of {len(np.unique(snapshots.invoice)):,} fines at "
        f"{len(moments)} quarter ends {timestamp(int(moments[0])):%Y-%m-%d} to "
        f"{timestamp(int(moments[-1])):%Y-%m-%d}, {examples.y.mean():.1%} positive. "
        f"Not used: {left}."
    )


def check_sides(train: Examples, test: Examples, log_end: int, model_date: int) -> None:
    """Stop if a fine is on both sides or a label was not known when it is used."""
    both = np.intersect1d(train.matrix.snapshots.invoice, test.matrix.snapshots.invoice)
    if len(both):
        raise SystemExit(f"{len(both):,} fines are on both sides.")
    if train.window_end.max() > model_date or train.matrix.snapshots.cutoff.max() > model_date:
        raise SystemExit("Training rows reach beyond the model date.")
    if test.window_end.max() > log_end:
        raise SystemExit("Test rows whose horizon ends after the log.")


def run(chosen: argparse.Namespace) -> None:
    """Gather, train, rank and print."""
    begun = time.perf_counter()
    path, model_date, horizon_days = chosen.log, chosen.model_date, chosen.horizon_days

    def say(text: str) -> None:
        print(f"[{time.perf_counter() - begun:5.0f} s] {text}", flush=True)

    say(f"reading {path.name}")
    log, _ = read_log(path)
    policy, horizon = Policy(), horizon_days * DAY
    trained_at = micros(model_date) + DAY - 1
    decided = log.ends_at - horizon  # youngest creation whose horizon ends with the log
    last = decided - decided % DAY + DAY - 1
    last = min(last, micros(chosen.test_until) + DAY - 1) if chosen.test_until else last
    began = int(log.known_at.min())
    cohort_end = trained_at - horizon
    if cohort_end <= began or last <= trained_at:
        raise SystemExit(
            f"Model date {model_date} and a horizon of {horizon_days:,} days leave no fines to "
            f"train on (the log begins {timestamp(began):%Y-%m-%d}) or none to test on (it ends "
            f"{timestamp(log.ends_at):%Y-%m-%d}). Move the date or shorten the horizon."
        )
    known = log.upto(trained_at)
    encoding = InMemory(known).encoding((), ())
    say("training rows")
    rows = gather(known, quarter_ends(began, trained_at), began, cohort_end, horizon, policy)
    train = examples_of(known, rows, encoding, policy)
    say("test rows")
    rows = gather(log, quarter_ends(trained_at, last), cohort_end + 1, decided, horizon, policy)
    test = examples_of(log, rows, encoding, policy)
    check_sides(train.examples, test.examples, log.ends_at, trained_at)
    families = {"all": ()} | {family: features_of(family) for family in chosen.without}
    models = {}
    for family, left_out in families.items():
        name = OURS if family == "all" else f"{OURS} without {family}"
        say(f"fitting {name}, {chosen.seeds} seeds")
        recipe = Recipe(seeds=chosen.seeds, threads=1, left_out=left_out)
        models[name] = fit_examples(train.examples, encoding, TARGET, trained_at, policy, recipe)
    say("baselines")
    ranked = by_baselines(train.examples, test.examples)
    ranked |= {name: one.probability(test.examples.matrix) for name, one in models.items()}
    model = models[OURS]
    batches = pd.Series(_collections(log, policy)).value_counts().sort_index()
    say("done")
    print(
        f"\n### {path.name}: credit collection within {horizon_days:,} days of creation\n\n"
        f"- Log: {timestamp(began):%Y-%m-%d} to {timestamp(log.ends_at):%Y-%m-%d}, "
        f"{log.n_invoices:,} fines; model date {model_date}.\n"
        f"- Training fines created to {timestamp(cohort_end):%Y-%m-%d} (horizon over by the model "
        f"date), test fines from the next day to {timestamp(decided):%Y-%m-%d}."
    )
    print(describe("Training", train))
    print(describe("Test", test))
    print(
        "- Credit collection happens in batches: "
        + ", ".join(f"{day:%Y-%m-%d} ({n:,})" for day, n in batches.items())
        + ".\n"
        f"- duecast: {model.facts['rounds']} trees × {chosen.seeds} seeds, "
        f"calibration {model.facts['calibration']}, nothing tuned on this test.\n"
    )
    prevalence = float(train.examples.y.mean())
    print_rankings(test.examples, ranked, prevalence)
    if chosen.repeats:
        print_differences(test.examples, ranked, prevalence, chosen.repeats)
    print_groups(test.examples, state_of(test.examples), ranked, "AUC by state")
    moments = test.examples.matrix.snapshots.cutoff
    named = {moment: f"{timestamp(int(moment)):%Y-%m-%d}" for moment in np.unique(moments)}
    days = np.array([named[moment] for moment in moments], dtype=object)
    print_groups(test.examples, days, ranked, "AUC by snapshot")
    print(f"\n{PUBLISHED}")
    print(f"\nTotal run time {time.perf_counter() - begun:.0f} s.")


def _collections(log: EventLog, policy: Policy) -> NDArray[np.datetime64]:
    """When each fine went to credit collection."""
    ledger = keep_ledger(log, policy)
    invoices = np.arange(log.n_invoices, dtype=np.int32)
    at = ledger.as_of(invoices, np.full(len(invoices), log.ends_at))["written_off_at"]
    return at[at != NONE].view("datetime64[us]")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("log", type=Path, metavar="LOG", help="fines log in the template")
    parser.add_argument("--model-date", default="2004-12-31", help="end of this day; 2004-12-31")
    parser.add_argument("--test-until", help="last snapshot; by default the log decides")
    parser.add_argument("--horizon-days", type=int, default=1096, help="from creation; 1096")
    parser.add_argument("--seeds", type=int, default=3, help="boosters averaged; 3")
    parser.add_argument(
        "--without",
        nargs="*",
        default=[],
        choices=sorted({feature.family for feature in FEATURES}),
        help="also fit models that lack a family of features",
    )
    parser.add_argument("--repeats", type=int, default=200, help="bootstrap samples; 200")
    try:
        run(parser.parse_args())
    except DuecastError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
