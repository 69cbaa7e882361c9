"""Does `duecast monitor` alarm when a company's habits worsen, and only then?

Synthetic companies whose last six months worsen step by step, and the same companies without that,
as a control. Models are trained six months before the change and watched at the end of every month
after, each time on the log as it stood then. Labels need their windows to mature, so the earliest
that a change of outcomes can show is a month after it begins.

    python -m benchmarks.regime_change --seeds 21 22 23 24 25 26
    python -m benchmarks.regime_change --seeds 21 22 --targets payment_curve

The constants of the rules were chosen with seeds 1 to 16 in view; use others.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, cast

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from eventlog.log import EventLog, micros
from eventlog.policy import Policy
from eventlog.rates import Rates, rates_from_table
from eventlog.reader import log_from_frame
from eventlog.simulate import Company, rate_table, simulate
from training.curve import TARGET as CURVE
from training.curve import fit_curve
from training.fit import Recipe, TooFewCasesError, fit_model
from training.labels import MODELS, TARGETS, Target
from training.monitoring import monitor

MONTHS, TRAINED, CHANGED = 48, 36, 42
POLICY = Policy(reporting_currency="EUR")
#: How a rule is shown in a cell.
LETTER = {
    "score drift": "S",
    "feature drift": "F",
    "observed / expected": "R",
    "calibration slope": "C",
    "lasting miscalibration": "L",
}


def companies(n_invoices: int, seed: int, changes: bool) -> tuple[Company, EventLog, Rates]:
    """A company whose last six months worsen, or do not."""
    worsening = MONTHS - CHANGED if changes else 0
    company = Company(n_invoices=n_invoices, months=MONTHS, regime_change_months=worsening)
    log, _ = log_from_frame(simulate(company, seed))
    return company, log, rates_from_table(rate_table(company, seed), "EUR")


def month_end(company: Company, month: int) -> int:
    """First moment after so many months of the company."""
    return micros(pd.Timestamp(company.start) + pd.DateOffset(months=month))


def watch(
    n_invoices: int, seed: int, changes: bool, targets: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Train once, then monitor month by month; a record for each target and month."""
    company, log, rates = companies(n_invoices, seed, changes)
    recipe = Recipe(rhythm="weekly", seeds=1, threads=1)
    found = []
    for target in targets:
        until = month_end(company, TRAINED)
        try:
            if target == CURVE:
                model, _ = fit_curve(log, until, POLICY, rates, recipe)
            else:
                model, _ = fit_model(log, cast(Target, target), until, POLICY, rates, recipe)
        except TooFewCasesError:
            continue
        for month in range(TRAINED + 1, MONTHS + 1):
            seen = monitor(log.upto(month_end(company, month) - 1), model, POLICY, rates)
            fired = [r for r in seen.report["rules"] if r["fired"] and r["verdict"] == "alarm"]
            found.append(
                {
                    "invoices": n_invoices,
                    "seed": seed,
                    "changes": changes,
                    "target": target,
                    "month": month,
                    "verdict": seen.verdict,
                    "rules": "".join(LETTER[rule["rule"]] for rule in fired),
                    "says": [rule["says"] for rule in fired],
                }
            )
    return found


def show(out: Console, records: list[dict[str, Any]]) -> None:
    """Alarms by seed and month, and how often and how soon."""
    for target in dict.fromkeys(r["target"] for r in records):
        for changes in (True, False):
            rows = [r for r in records if r["target"] == target and r["changes"] is changes]
            if rows:
                _show_one(out, target, changes, pd.DataFrame(rows))


def _show_one(out: Console, target: str, changes: bool, rows: pd.DataFrame) -> None:
    said = f"habits worsen from month {CHANGED + 1} on" if changes else "nothing changes"
    table = Table(
        title=f"{target}, {said}: alarms at the end of each month (trained at month {TRAINED})",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for heading in ("seed", *map(str, range(TRAINED + 1, MONTHS + 1)), "first after"):
        table.add_column(heading, justify="right")
    delays = []
    for seed, of_seed in rows.groupby("seed"):
        cells = dict(zip(of_seed["month"], of_seed["rules"], strict=True))
        alarmed = [month for month in sorted(cells) if cells[month] and month > CHANGED]
        delay = f"{alarmed[0] - CHANGED}" if changes and alarmed else ""
        delays += [alarmed[0] - CHANGED] if alarmed else []
        shown = (cells[month] or "·" for month in range(TRAINED + 1, MONTHS + 1))
        table.add_row(str(seed), *shown, delay)
    out.print(table)
    quiet = rows if not changes else rows[rows["month"] <= CHANGED]
    false = int((quiet["rules"] != "").sum())
    out.print(f"False alarms: {false} of {len(quiet)} months.")
    if changes:
        seeds = rows["seed"].nunique()
        told = ", ".join(f"{sum(d <= m for d in delays)} by month {m}" for m in range(1, 7))
        out.print(f"Alarmed after the change, of {seeds} companies: {told}.")
    out.print()


def main() -> None:
    """Measure and print; with --keep, what was measured before is not measured again."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[21, 22, 23, 24, 25, 26])
    parser.add_argument("--invoices", type=int, default=20_000)
    parser.add_argument("--targets", nargs="+", default=list(TARGETS), choices=MODELS)
    parser.add_argument("--keep", type=Path, help="JSON lines: where records are kept")
    chosen = parser.parse_args()
    records: list[dict[str, Any]] = []
    if chosen.keep and chosen.keep.is_file():
        records = [json.loads(line) for line in chosen.keep.read_text().splitlines()]
    wanted = []
    for seed in chosen.seeds:
        for changes in (True, False):
            for target in chosen.targets:
                key = (chosen.invoices, seed, changes, target)
                names = ("invoices", "seed", "changes", "target")
                found = [r for r in records if tuple(r[name] for name in names) == key]
                if not found:
                    found = watch(chosen.invoices, seed, changes, (target,))
                    if chosen.keep:
                        with chosen.keep.open("a") as file:
                            file.writelines(json.dumps(record) + "\n" for record in found)
                wanted += found
    out = Console(width=110)
    show(out, wanted)
    out.print(
        "S score drift, F feature drift, R observed / expected outside its band, C calibration "
        "slope, L lasting miscalibration. Synthetic data."
    )


if __name__ == "__main__":
    main()
