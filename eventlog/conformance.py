"""Was the dunning policy kept? What was due, what was sent, and who fell behind.

The policy (`dunning_days`, `dunning_tolerance_days`, `dunning_paused_by`, `dunning_min_balance`)
is laid beside the log, invoice by invoice, as known at a cutoff. `eventlog.dunning` follows each
invoice; here stand the questions asked of what it finds. `docs/conformance.md` defines every
verdict, with examples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.dunning import Sent, Verdict, dunned
from eventlog.known import Codes, Ints
from eventlog.ledger import Ledger
from eventlog.log import NONE, EventLog, datetimes, units
from eventlog.policy import Policy
from eventlog.rates import Rates, converted, currency_of_invoices
from eventlog.stated import NOT_STATED, last_stated

__all__ = [
    "DECIDED",
    "Conformance",
    "Sent",
    "Verdict",
    "adherence",
    "judge",
    "sent_letters",
    "worst_invoices",
]

By = Literal["", "level", "segment", "collector", "month"]
#: Verdicts that count in adherence: the letter was sent, or its window is over, or a higher level
#: took its place.
DECIDED = (Verdict.ON_TIME, Verdict.EARLY, Verdict.LATE, Verdict.SKIPPED, Verdict.MISSING)
_COLUMN_OF = {"segment": "CustomerSegment", "collector": "CollectorAssigned"}


@dataclass(frozen=True)
class Conformance:
    """What the policy called for and what was sent, as known at a cutoff.

    Attributes
    ----------
    required : ndarray of eventlog.dunning.REQUIRED, shape (n_required,)
        By invoice and level. A letter is called for once the invoice's dunning clock has come to
        its day; what was called for stays listed after the invoice is closed.
    sent : ndarray of eventlog.dunning.LETTER, shape (n_letters,)
        By invoice and known time.
    cutoff : int
        Microseconds.
    """

    required: NDArray[np.void]
    sent: NDArray[np.void]
    cutoff: int


def judge(log: EventLog, ledger: Ledger, policy: Policy, cutoff: int) -> Conformance:
    """Lay the policy beside what was done, as known at a cutoff.

    Parameters
    ----------
    ledger : Ledger
        Of this log, under this policy.
    """
    return Conformance(*dunned(log, ledger, policy, cutoff), cutoff)


def adherence(log: EventLog, found: Conformance, rates: Rates, by: By = "") -> pd.DataFrame:
    """Count the letters that were called for by verdict, and the share sent as the policy says.

    Parameters
    ----------
    rates : Rates
        Balances are converted at the rate of the day on which the letter became due.
    by : {'', 'level', 'segment', 'collector', 'month'}
        One row for each; '' is one row in all. Segment and collector are those known when the
        letter became due, by `eventlog.stated.last_stated`; month is that of its due date.

    Returns
    -------
    DataFrame
        `by` (unless it is ''), then counts ``required``, ``on_time``, ``early``, ``late``,
        ``skipped``, ``missing``, ``not_yet``, ``paused``, ``void`` and ``decided`` (the first five
        of them added up); ``adherence`` = on_time / decided, NaN where nothing is decided; money in
        currency units: ``balance`` of the decided letters when due, ``balance_on_time``,
        ``adherence_of_balance`` (NaN without a balance), ``n_balance_unknown`` decided letters that
        the money leaves out; ``mean_days_late`` of the late letters, in days of the dunning clock
        after the day they were due; ``money_days`` = balance × such days of late and missing
        letters.
    """
    required = found.required
    code, labels = _groups(log, required["invoice"], required["level"], required["due_at"], by)
    n = len(labels)

    def total(values: NDArray[np.generic], of: NDArray[np.bool_]) -> NDArray[np.float64]:
        added = np.bincount(code[of], weights=values[of].astype(np.float64), minlength=n)
        return added.astype(np.float64)

    verdict, days = required["verdict"], required["days"]
    counts = np.bincount(code * len(Verdict) + verdict, minlength=n * len(Verdict))
    counts = counts.reshape(n, len(Verdict))
    decided = np.isin(verdict, DECIDED)
    on_time, late = verdict == Verdict.ON_TIME, verdict == Verdict.LATE
    money = reporting_balance(log, required, rates)
    table: dict[str, Any] = {by: labels} if by else {}
    table["required"] = counts.sum(axis=1)
    table |= {each.name.lower(): counts[:, each] for each in Verdict}
    table["decided"] = counts[:, list(DECIDED)].sum(axis=1)
    table["adherence"] = _over(counts[:, Verdict.ON_TIME], table["decided"])
    table["balance"] = total(money, decided)
    table["balance_on_time"] = total(money, on_time)
    table["adherence_of_balance"] = _over(table["balance_on_time"], table["balance"])
    table["n_balance_unknown"] = np.bincount(
        code[decided & (required["balance"] == NONE)], minlength=n
    )
    table["mean_days_late"] = _over(total(days, late), counts[:, Verdict.LATE])
    behind = late | (verdict == Verdict.MISSING)
    table["money_days"] = total(money * days, behind)
    return pd.DataFrame(table)


def sent_letters(log: EventLog, found: Conformance, by: By = "") -> pd.DataFrame:
    """Count the letters that were sent by how they agree with the policy.

    Parameters
    ----------
    by : {'', 'level', 'segment', 'collector', 'month'}
        Segment, collector and month are those of the sending.

    Returns
    -------
    DataFrame
        `by` (unless it is ''), then counts ``letters`` and one column for each of `Sent`, in lower
        case; ``mean_days_early`` of the early letters, days of the dunning clock.
    """
    sent = found.sent
    code, labels = _groups(log, sent["invoice"], sent["level"], sent["sent_at"], by)
    n = len(labels)
    counts = np.bincount(code * len(Sent) + sent["verdict"], minlength=n * len(Sent))
    counts = counts.reshape(n, len(Sent))
    early = sent["verdict"] == Sent.EARLY
    table: dict[str, Any] = {by: labels} if by else {}
    table["letters"] = counts.sum(axis=1)
    table |= {each.name.lower(): counts[:, each] for each in Sent}
    days = np.bincount(code[early], weights=-sent["days"][early].astype(np.float64), minlength=n)
    table["mean_days_early"] = _over(days, counts[:, Sent.EARLY])
    return pd.DataFrame(table)


def worst_invoices(log: EventLog, found: Conformance, rates: Rates, n: int) -> pd.DataFrame:
    """The invoices whose letters came too late or not at all, by money-days.

    Parameters
    ----------
    n : int
        At most so many rows.

    Returns
    -------
    DataFrame
        ``company``, ``invoice``, ``customer``, ``late``, ``missing`` (letters), ``days`` (most days
        that one of them was behind), ``balance`` (largest when due) and ``money_days`` (balance ×
        days added up over the letters); largest first, ties by invoice.
    """
    behind = found.required[np.isin(found.required["verdict"], (Verdict.LATE, Verdict.MISSING))]
    money = reporting_balance(log, behind, rates)
    table = pd.DataFrame(
        {
            "code": behind["invoice"],
            "late": behind["verdict"] == Verdict.LATE,
            "missing": behind["verdict"] == Verdict.MISSING,
            "days": behind["days"],
            "balance": money,
            "money_days": money * behind["days"],
        }
    )
    added = table.groupby("code").agg(
        late=("late", "sum"),
        missing=("missing", "sum"),
        days=("days", "max"),
        balance=("balance", "max"),
        money_days=("money_days", "sum"),
    )
    worst = added.sort_values("money_days", ascending=False, kind="stable").head(n)
    keys = log.invoice_keys.iloc[worst.index]
    customer = log.customer_keys["customer"].to_numpy()[log.invoice_customer[worst.index]]
    worst.insert(0, "customer", customer)
    worst.insert(0, "invoice", keys["invoice"].to_numpy())
    worst.insert(0, "company", keys["company"].to_numpy())
    return worst.reset_index(drop=True)


def reporting_balance(
    log: EventLog, required: NDArray[np.void], rates: Rates
) -> NDArray[np.float64]:
    """Balance of each letter when it became due, in the reporting currency; 0 if not known."""
    money = np.ascontiguousarray(required["balance"])
    if len(rates.currencies):
        currency = currency_of_invoices(log)[required["invoice"]]
        money = converted(money, rates.of(currency, np.ascontiguousarray(required["due_at"])))
    return np.where(money == NONE, 0.0, units(money))


def _groups(
    log: EventLog, invoice: Codes, level: NDArray[np.int8], moment: Ints, by: By
) -> tuple[NDArray[np.int64], list[object]]:
    """Code of the group of each letter, and what the groups are called, in their order."""
    if not by:
        return np.zeros(len(invoice), dtype=np.int64), [""]
    if by in _COLUMN_OF:
        return _stated_groups(log, _COLUMN_OF[by], invoice, moment)
    values: NDArray[Any] = level.astype(np.int64)
    if by == "month":
        values = datetimes(np.ascontiguousarray(moment)).astype("datetime64[M]").astype(str)
    code, labels = pd.factorize(values, sort=True)
    return code.astype(np.int64), list(labels)


def _stated_groups(
    log: EventLog, name: str, invoice: Codes, moment: Ints
) -> tuple[NDArray[np.int64], list[object]]:
    """Groups by a text, as the KPIs cut by it: sorted, `NOT_STATED` last."""
    column = log.columns.get(name)
    if column is None:
        labels: list[object] = [NOT_STATED] if len(invoice) else []
        return np.zeros(len(invoice), dtype=np.int64), labels
    customer = log.invoice_customer[invoice]
    stated = last_stated(log, name, invoice, customer, np.ascontiguousarray(moment), {})
    order = np.argsort(np.array(column.levels, dtype=object), kind="stable")
    rank = np.append(np.argsort(order), len(order))  # -1, nothing, is the last
    present, code = np.unique(rank[stated], return_inverse=True)
    names = [*(column.levels[place] for place in order), NOT_STATED]
    return code.astype(np.int64), [names[place] for place in present]


def _over(part: NDArray[np.generic], whole: NDArray[np.generic]) -> NDArray[np.float64]:
    """Part over whole; NaN where the whole is zero."""
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=np.asarray(whole) != 0)
