"""The provision matrix and the expected credit loss for the terminal; they print, not compute."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eventlog.ledger import AGEING
from eventlog.log import timestamp
from eventlog.roll_rates import OUTCOMES
from serving.expected_credit_loss import CreditLoss
from training.recoveries import LossGivenDefault
from ui.figures import number


def print_provision(out: Console, found: CreditLoss, log_name: str, version: str | None) -> None:
    """Roll rates, write-off rates, loss given default and expected credit loss, bucket by bucket.

    Parameters
    ----------
    log_name : str
    version : str or None
        Of the write-off model; None where there is none.
    """
    matrix = found.matrix
    first, last = (timestamp(int(end)) for end in matrix.ends[[0, -1]])
    out.print(
        f"[bold]Provision[/] · cutoff {last:%Y-%m-%d %H:%M} UTC · {escape(log_name)} · money in "
        f"{found.currency or 'the invoice currency'}\n"
        f"Balances followed month by month from {first:%Y-%m-%d} on, {matrix.n_months} months with "
        f"open balances, of which {matrix.written_off:,.2f} was written off within the next month."
    )
    out.print(loss_in_words(found.loss))
    _print_rolls(out, found)
    _print_rates(out, found)
    _print_losses(out, found, version)


def loss_in_words(loss: LossGivenDefault) -> str:
    """Loss given default, its interval and where it comes from."""
    said = f"Loss given default {_share(loss.value)}"
    if loss.low is not None and loss.high is not None:
        said += (
            rf", 95 % interval \[{_share(loss.low)}, {_share(loss.high)}] by resampled customers"
        )
    said += f". {loss.reason}"
    if loss.source == "recoveries":
        said += (
            f" {loss.recovered:,.2f} of {loss.written_off:,.2f} came back: "
            f"{_share(loss.observed)} was lost, drawn towards the policy's {_share(loss.prior)} "
            f"({loss.n_customers:,} customers, in effect {loss.effective_customers:,.1f}; the "
            f"policy's number counts as {loss.prior_customers:,.0f})."
        )
    if loss.n_young:
        said += f" {loss.n_young:,} younger write-offs are left out."
    return said


def _print_rolls(out: Console, found: CreditLoss) -> None:
    table = _by_bucket(
        "Roll rates: where a bucket's balance is a month later", "followed", *OUTCOMES
    )
    for i, bucket in enumerate(AGEING):
        if found.matrix.followed[i] > 0:
            shares = (_share(share) for share in found.matrix.share[i])
            table.add_row(bucket, number(found.matrix.followed[i], 0), *shares)
    out.print(table)


def _print_rates(out: Console, found: CreditLoss) -> None:
    matrix, days = found.matrix, found.horizon_days
    table = _by_bucket(
        "Of a balance is written off, before recoveries",
        "in the end",
        "95 % interval",
        "by product",
        f"within {days} days",
        "loss rate, in the end",
        f"loss rate, {days} days",
    )
    shown = (found.table["invoices"].to_numpy() > 0) | (matrix.followed > 0)
    for i in np.flatnonzero(shown):
        bucket = AGEING[i]
        row = found.table.loc[bucket]
        table.add_row(
            bucket + (" *" if matrix.assumed[i] else ""),
            _share(matrix.write_off_rate[i]),
            rf"\[{_share(matrix.low[i])}, {_share(matrix.high[i])}]",
            _share(matrix.by_product[i]),
            _share(matrix.rate_within(days)[i]),
            _share(row["rate_lifetime"] * found.loss.value),
            _share(row["rate_horizon"] * found.loss.value),
        )
    out.print(table)
    said = (
        "Interval: months drawn with replacement. By product: later roll rates × the last bucket's "
        "rate, which knows no long terms, jumps or early write-offs. Loss rate: × loss given "
        "default"
    )
    out.print(said + (f" × {1 + found.forward:g} (forward-looking)." if found.forward else "."))
    if matrix.assumed[shown].any():
        out.print(
            "* Nothing is known to have left this bucket: it is taken to pass to the next worse "
            "one, the last to be lost."
        )


def _print_losses(out: Console, found: CreditLoss, version: str | None) -> None:
    days, totals = found.horizon_days, found.totals
    shown = {
        "invoices": "invoices",
        "exposure": "open balance",
        "ecl_lifetime": "matrix, in the end",
        "ecl_horizon": f"matrix, {days} days",
    }
    if version is not None:
        shown |= {
            "ecl_model": f"model v{version}, {days} days",
            "difference": "model less matrix",
            "difference_model": "by model",
            "difference_horizon": "by horizon",
        }
    if not np.isnan(totals["lost_later"]):
        shown["lost_later"] = "known later"
    currency = found.currency or "the invoice currency"
    table = _by_bucket(f"Expected credit loss in {currency}", *shown.values())
    for bucket, row in found.table.iterrows():
        if row["invoices"]:
            table.add_row(str(bucket), *(number(row[name], 0) for name in shown))
    table.add_row("[bold]all[/]", *(number(totals[name], 0) for name in shown))
    out.print(table)
    if version is None:
        out.print(
            "There is no champion for write_off, so the matrix stands alone. Train one with "
            "`duecast train LOG --target write_off`."
        )
    else:
        out.print(
            f"The model says what is written off within {days} days of the cutoff, the matrix what "
            "is written off in the end. Model less matrix = by model (model less matrix over "
            f"{days} days) + by horizon (what the matrix leaves to the time after {days} days)."
        )
    if "lost_later" in shown:
        out.print(
            f"Known later: balance at the cutoff that was written off within {days} days × loss "
            "given default, as the log after the cutoff shows."
        )


def _by_bucket(title: str, *headings: str) -> Table:
    """A table with a row for each ageing bucket and figures beside it."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("bucket")
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


def _share(value: Any) -> str:
    """A share in per cent with one decimal."""
    return "–" if value is None or np.isnan(value) else f"{value:.1%}".replace("%", " %")
