"""Is duecast better than its own first version? Both trained and tested alike, row by row.

The first version's sources are taken from the repository's history into a temporary folder. Either
version trains and tests in a process of its own, on the same log, dates and policy, with its
own default recipe. Then rows are paired by invoice and cutoff, and both versions and all baselines
are compared on the same bootstrap samples of customers (invoices, where the log names none). Each
booster of either version alone tells what the seed changes.

    python -m benchmarks.first_version charges.parquet --train-until 2020-01-01 \
        --test-until 2020-04-01 --snapshots posting --late-after-days 4 --seeds 3

It needs the repository with its history, and the libraries of today for both versions.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from training.evaluation import metrics
from training.intervals import Interval, Resampled, resample

ROOT = Path(__file__).parents[1]
#: The last commit before features were computed block by block: the spine from log to worklist.
FIRST = "4bd00e7b2d13008a2ccfbb4bbd6cbc57cfdc4318"
NOW, THEN = "duecast", "first version"
KEY = ["company", "invoice", "cutoff"]
#: Metrics that are printed, and what they are called.
SHOWN = {
    "roc_auc": "ROC AUC",
    "average_precision": "avg. precision",
    "brier": "Brier",
    "brier_skill": "Brier skill",
    "observed_to_expected": "observed / expected",
    "balance_recall_at_10": "balance recall@10 %",
}
#: Trains and tests one version; uses only what both versions have.
ONE_SIDE = """
import json, sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from eventlog.log import micros
from eventlog.policy import Policy
from eventlog.rates import rates_for, read_rates
from eventlog.reader import read_log
from training.backtest import run_backtest
from training.fit import Recipe

asked, out = json.loads(sys.argv[1]), Path(sys.argv[2])
log, _ = read_log(asked["log"])
policy = Policy(**asked["policy"])
stated = read_rates(Path(asked["rates"]), policy.reporting_currency) if asked["rates"] else None
recipe = Recipe(rhythm=asked["snapshots"], seeds=asked["seeds"], threads=asked["threads"])
tested = run_backtest(
    log,
    asked["target"],
    micros(asked["train_until"]),
    micros(asked["test_until"]),
    policy,
    rates_for(log, stated),
    recipe,
    override=asked["override"],
    repeats=0,
    progress=lambda stage: print(stage, file=sys.stderr, flush=True),
)
model, test = tested.model, tested.test
seen = test.matrix.snapshots
keys = log.invoice_keys.iloc[seen.invoice].reset_index(drop=True)
frame = pd.DataFrame(
    {
        "company": keys["company"].astype(str),
        "invoice": keys["invoice"].astype(str),
        "cutoff": seen.cutoff,
        "customer": log.invoice_customer[seen.invoice] if log.has_customers else seen.invoice,
        "balance": test.balance,
        "y": test.y,
        "p": tested.p,
    }
)
for i, booster in enumerate(model.boosters):
    frame[f"seed {i}"] = replace(model, boosters=(booster,)).probability(test.matrix)
for name, p in tested.rivals.items():
    frame[f"baseline {name}"] = p
frame.to_parquet(out)
told = {"n_train": len(tested.train.y), "prevalence": float(tested.train.y.mean())}
print(json.dumps(told | {"rounds": model.facts["rounds"]}))
"""


@dataclass(frozen=True)
class Side:
    """One version's test: its rows with all predictions, and what it was trained on."""

    rows: pd.DataFrame
    facts: dict[str, Any]
    seconds: float


def unpack(commit: str, folder: Path) -> None:
    """Write the sources of a commit into a folder.

    Raises
    ------
    SystemExit
        If the repository does not have the commit.
    """
    made = subprocess.run(
        ["git", "-C", str(ROOT), "archive", "--format=tar", commit],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        raise SystemExit(
            f"Commit {commit[:12]} is not there: {made.stderr.decode().strip()} Run this in the "
            "repository, with its whole history (`git fetch --unshallow`)."
        )
    with tarfile.open(fileobj=io.BytesIO(made.stdout)) as sources:
        sources.extractall(folder, filter="data")


def run_side(sources: Path, asked: dict[str, Any]) -> Side:
    """Train and test the version whose sources are in a folder, in a process of its own.

    Raises
    ------
    SystemExit
        If that fails; what it said stands above.
    """
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.parquet"
        done = subprocess.run(
            [sys.executable, "-c", ONE_SIDE, json.dumps(asked), str(out)],
            cwd=sources,
            env=os.environ | {"PYTHONPATH": str(sources)},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"The version in {sources} could not be tested, see above.")
        rows = pd.read_parquet(out)
    facts = json.loads(done.stdout.splitlines()[-1])
    return Side(rows, facts, time.perf_counter() - begun)


def paired(now: pd.DataFrame, then: pd.DataFrame) -> tuple[pd.DataFrame, int, int]:
    """Rows that both versions were tested on, and how many only one was.

    Returns
    -------
    rows : DataFrame
        Those of ``now``, with the first version's columns under ``then ``.
    only_now, only_then : int

    Raises
    ------
    SystemExit
        If the versions do not agree on what became of an invoice, or share no row.
    """
    theirs = then.add_prefix("then ").rename(columns={f"then {name}": name for name in KEY})
    both = now.merge(theirs, on=KEY, how="inner", validate="one_to_one")
    if not len(both):
        raise SystemExit("The versions were tested on no common row.")
    differing = int((both["y"] != both["then y"]).sum())
    if differing:
        raise SystemExit(
            f"The versions disagree on the outcome of {differing:,} of {len(both):,} rows, so "
            "their figures cannot be compared."
        )
    return both, len(now) - len(both), len(then) - len(both)


def compared(rows: pd.DataFrame, prevalence: float, repeats: int) -> Resampled:
    """Headline metrics of both versions and of the baselines, on the same samples of customers."""
    predictions = {NOW: rows["p"].to_numpy(), THEN: rows["then p"].to_numpy()}
    for name in rows.columns:
        if name.startswith("baseline "):
            predictions[name.removeprefix("baseline ")] = rows[name].to_numpy()
    return resample(
        rows["y"].to_numpy(),
        predictions,
        rows["balance"].to_numpy(),
        rows["customer"].to_numpy(),
        prevalence,
        repeats=repeats,
    )


def by_seed(rows: pd.DataFrame, prevalence: float) -> dict[str, list[dict[str, float | None]]]:
    """Metrics of each booster alone, by version."""
    y, balance = rows["y"].to_numpy(), rows["balance"].to_numpy()
    found = {}
    for name, start in ((NOW, "seed "), (THEN, "then seed ")):
        columns = [column for column in rows.columns if column.startswith(start)]
        found[name] = [metrics(y, rows[c].to_numpy(), balance, prevalence) for c in columns]
    return found


def show(out: Console, found: Resampled, seeds: dict[str, list[dict[str, Any]]]) -> None:
    """Every prediction with its intervals, differences to the model, and the seeds."""
    table = Table(title="With 95 % intervals by resampled customers", box=box.SIMPLE_HEAD)
    for heading in ("", *SHOWN.values()):
        table.add_column(heading, justify="right")
    for name in found.estimate:
        own = found.of(name)
        table.add_row(name, *(_told(own[metric]) for metric in SHOWN))
    out.print(table)
    table = Table(title=f"{NOW} less …, same samples", box=box.SIMPLE_HEAD)
    for heading in ("", *SHOWN.values()):
        table.add_column(heading, justify="right")
    for name in found.estimate:
        if name != NOW:
            gaps = found.difference(NOW, name)
            table.add_row(name, *(_told(gaps[metric], "+") for metric in SHOWN))
    out.print(table)
    table = Table(title="Each seed alone", box=box.SIMPLE_HEAD)
    for heading in ("", "seed", *SHOWN.values()):
        table.add_column(heading, justify="right")
    for name, each in seeds.items():
        for i, figures in enumerate(each):
            cells = ("–" if figures[m] is None else f"{figures[m]:.4f}" for m in SHOWN)
            table.add_row(name, str(i), *cells)
    out.print(table)


def _told(figure: Interval, sign: str = "") -> str:
    if not np.isfinite(figure.estimate):
        return "–"
    return f"{figure.estimate:{sign}.4f}\n\\[{figure.low:{sign}.4f}, {figure.high:{sign}.4f}]"


def as_dict(found: Resampled, seeds: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Plain values."""
    return {
        "intervals": {
            name: {metric: asdict(figure) for metric, figure in found.of(name).items()}
            for name in found.estimate
        },
        "differences": {
            name: {m: asdict(gap) for m, gap in found.difference(NOW, name).items()}
            for name in found.estimate
            if name != NOW
        },
        "seeds": seeds,
    }


def run(chosen: argparse.Namespace) -> None:
    """Test both versions and print."""
    horizons = ("late_after_days", "still_open_days", "write_off_horizon_days")
    stated = {name: getattr(chosen, name) for name in horizons}
    policy: dict[str, Any] = {name: days for name, days in stated.items() if days is not None}
    if chosen.rates:
        policy["reporting_currency"] = chosen.reporting_currency
    asked = {
        "log": str(chosen.log.absolute()),
        "rates": str(chosen.rates.absolute()) if chosen.rates else "",
        "policy": policy,
        "override": chosen.override_leakage,
    }
    names = ("target", "train_until", "test_until", "snapshots", "seeds", "threads")
    asked |= {name: getattr(chosen, name) for name in names}
    now = run_side(ROOT, asked)
    with tempfile.TemporaryDirectory() as folder:
        unpack(chosen.first, Path(folder))
        then = run_side(Path(folder), asked)
    rows, only_now, only_then = paired(now.rows, then.rows)
    prevalence = float(now.facts["prevalence"])
    found, seeds = compared(rows, prevalence, chosen.repeats), by_seed(rows, prevalence)
    out = Console(width=150)
    out.print(
        f"{chosen.target}: trained on what was known before {chosen.train_until}, tested on "
        f"{len(rows):,} rows ({int(rows['y'].sum()):,} positive, {rows['customer'].nunique():,} "
        f"customers) until {chosen.test_until}; only tested by {NOW} {only_now:,}, only by the "
        f"{THEN} {only_then:,}."
    )
    for name, side in ((NOW, now), (THEN, then)):
        out.print(
            f"{name}: trained on {side.facts['n_train']:,} rows, {side.facts['rounds']} trees × "
            f"{chosen.seeds}; {side.seconds:.0f} s."
        )
    show(out, found, seeds)
    if chosen.json:
        told = {"asked": asked, "first": chosen.first, NOW: now.facts, THEN: then.facts}
        told |= {"n": len(rows), "only_now": only_now, "only_then": only_then}
        chosen.json.write_text(json.dumps(told | as_dict(found, seeds), indent=1), encoding="utf-8")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("log", type=Path, metavar="LOG")
    parser.add_argument("--train-until", required=True)
    parser.add_argument("--test-until", required=True)
    parser.add_argument(
        "--target", default="late_payment", choices=["late_payment", "still_open", "write_off"]
    )
    parser.add_argument("--snapshots", default="weekly", choices=["posting", "weekly", "monthly"])
    parser.add_argument("--late-after-days", type=int)
    parser.add_argument("--still-open-days", type=int)
    parser.add_argument("--write-off-horizon-days", type=int)
    parser.add_argument("--seeds", type=int, default=3, help="boosters averaged; 3")
    parser.add_argument("--threads", type=int, default=1, help="for LightGBM; 1")
    parser.add_argument("--repeats", type=int, default=400, help="bootstrap samples; 400")
    parser.add_argument("--override-leakage", default="", help="reason for going on")
    parser.add_argument("--rates", type=Path, help="needed with several currencies")
    parser.add_argument("--reporting-currency", default="EUR")
    parser.add_argument("--first", default=FIRST, help="commit to compare with")
    parser.add_argument("--json", type=Path, help="also write everything here")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
