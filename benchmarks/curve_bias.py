"""Do invoices that are still open when the log ends bias the payment curve?

Synthetic companies go on after the moment of training, so what became of the invoices that were
open then is known. Each company's curve is trained on what was known at that moment and asked of
the snapshots before it, the latest quarter of a year and the one before that: how much of them it
says to be unpaid at each horizon, less how much was. Beside it: the share among the invoices that
had been paid by then, which is what training on closed invoices only would learn.

    python -m benchmarks.curve_bias --seeds 31 32 33 34 35 36
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from eventlog.fold import Closed
from eventlog.ledger import keep_ledger
from eventlog.log import micros
from eventlog.policy import Policy
from eventlog.rates import rates_from_table
from eventlog.reader import log_from_frame
from eventlog.simulate import Company, rate_table, simulate
from features.matrix import build_matrix
from features.snapshots import take_snapshots
from training.curve import fit_curve, unpaid, unpaid_at
from training.fit import Recipe

HORIZONS = (7, 30, 60, 90, 120, 180)
#: Months of a company, and after how many of them the curve is trained.
MONTHS, TRAINED = 30, 22
POLICY = Policy(reporting_currency="EUR")
STRETCHES = ("the quarter before", "the latest quarter")


def measure(n_invoices: int, seed: int) -> list[dict[str, float | str | int]]:
    """Bias of one company's curve; a record for each stretch and horizon."""
    company = Company(n_invoices=n_invoices, months=MONTHS, regime_change_months=0)
    log, _ = log_from_frame(simulate(company, seed))
    rates = rates_from_table(rate_table(company, seed), "EUR")
    start = pd.Timestamp(company.start)
    bounds = [micros(start + pd.DateOffset(months=TRAINED - back)) for back in (6, 3, 0)]
    recipe = Recipe(rhythm="monthly", seeds=1, threads=1)
    model, _ = fit_curve(log, bounds[-1], POLICY, rates, recipe)
    ledger = keep_ledger(log, POLICY)
    found: list[dict[str, float | str | int]] = []
    for name, since, until in zip(STRETCHES, bounds[:-1], bounds[1:], strict=True):
        snapshots = take_snapshots(log, ledger, "monthly", since, until)
        matrix = build_matrix(log, snapshots, model.encoding, POLICY, rates)
        then = ledger.as_of(snapshots.invoice, np.full(len(snapshots), bounds[-1] - 1))
        paid = then["closed"] == Closed.PAID
        for horizon in HORIZONS:
            days = np.full(len(snapshots), float(horizon))
            truth = unpaid(ledger, snapshots, days, log.ends_at)
            known = ~np.isnan(truth)
            said = unpaid_at(model, matrix.take(known), days[known])
            found.append(
                {
                    "seed": seed,
                    "stretch": name,
                    "days": horizon,
                    "n": int(known.sum()),
                    "unpaid": float(truth[known].mean()),
                    "bias": float(said.mean() - truth[known].mean()),
                    "bias of paid only": float(
                        truth[known & paid].mean() - truth[known].mean()
                        if (known & paid).any()
                        else np.nan
                    ),
                }
            )
    return found


def show(out: Console, records: pd.DataFrame) -> None:
    """Means over the companies, with the standard error of the mean."""
    table = Table(
        title=f"Payment curves of {records['seed'].nunique()} companies: predicted less true share "
        "unpaid",
        box=box.SIMPLE_HEAD,
    )
    headings = ("snapshots of", "days", "rows", "unpaid", "bias", "± (1 s.e.)", "of paid ones only")
    for heading in headings:
        table.add_column(heading, justify="right")
    for (stretch, days), rows in records.groupby(["stretch", "days"], sort=False):
        error = rows["bias"].std(ddof=1) / np.sqrt(len(rows)) if len(rows) > 1 else np.nan
        table.add_row(
            str(stretch),
            str(days),
            f"{rows['n'].sum():,}",
            f"{rows['unpaid'].mean():.3f}",
            f"{rows['bias'].mean():+.4f}",
            f"{error:.4f}",
            f"{rows['bias of paid only'].mean():+.3f}",
        )
    out.print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[31, 32, 33, 34, 35, 36])
    parser.add_argument("--invoices", type=int, default=4_000)
    chosen = parser.parse_args()
    records = [r for seed in chosen.seeds for r in measure(chosen.invoices, seed)]
    show(Console(width=110), pd.DataFrame(records))


if __name__ == "__main__":
    main()
