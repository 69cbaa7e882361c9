"""Which rows of a source can be used: what must be stated, and which way payments are signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from eventlog.columns import EXPECTED, Parsed
from eventlog.dates import Mask
from eventlog.errors import DataError
from eventlog.log import NONE, Column
from eventlog.mapping import Mapping as NameMapping
from eventlog.mapping import match_activities
from eventlog.order import picked
from eventlog.quarantine import Faults
from eventlog.raw import Raw
from eventlog.template import ACTIVITY_NAMED, ATTRIBUTE_NAMED, DUE_DATE_PASSED, Kind, Role, role_of

#: Roles whose PaymentAmount is money that moved.
MOVING_ROLES = (
    Role.UNAPPLIED,
    Role.CREDITED,
    Role.RECEIVED,
    Role.PAYMENT_POSTED,
    Role.REVERSED,
    Role.WRITTEN_OFF,
    Role.RECOVERED,
)
_MOST_ACTIVITIES = np.iinfo(np.int16).max


@dataclass(frozen=True)
class Activities:
    """Activities of all rows in the template's spelling.

    Attributes
    ----------
    column : Column
        Levels; -1 where empty.
    respelt : int
        Rows on which the source spelled them differently.
    """

    column: Column
    respelt: int

    def where(self, fits: list[bool]) -> Mask:
        """Rows whose activity fits, given the answer for each level; False where empty."""
        return picked(np.array([*fits, False]), self.column.values)

    @property
    def calculated(self) -> Mask:
        """Rows that state what the ledger calculates."""
        return self.where([name == DUE_DATE_PASSED for name in self.column.levels])


def activities_of(written: Column, mapping: NameMapping) -> Activities:
    """Match activities to the template.

    Raises
    ------
    DataError
        If there are more different ones than a log can hold.
    """
    names = np.array(match_activities(list(written.levels), mapping), dtype=object)
    levels, place = np.unique(names, return_inverse=True)
    if len(levels) > _MOST_ACTIVITIES:
        raise DataError(
            f"'ActivityName' has {len(levels):,} different values, more than "
            f"{_MOST_ACTIVITIES:,}. Map it to the column that says what happened."
        )
    codes = written.values
    matched = picked(np.append(place, -1).astype(np.int32), codes)
    changed = picked(np.append(names != np.array(written.levels, dtype=object), False), codes)
    return Activities(Column("level", matched, tuple(levels)), int(changed.sum()))


def customers_of(parsed: Mapping[str, Parsed], n_rows: int) -> tuple[Column, int]:
    """The customer each row names: its account, else its name.

    Returns
    -------
    customers : Column of levels, shape (n_rows,)
    fallen_back : int
        Rows without an account, although the source has accounts, whose name is used.
    """
    account, name = parsed.get("CustomerAccount"), parsed.get("CustomerName")
    if account is None or name is None:
        one = account or name
        return one.column if one else nowhere(n_rows), 0
    numbered = account.column.stated()
    fallen_back = int((~numbered & name.column.stated()).sum())
    if not fallen_back:
        return account.column, 0
    levels, place = np.unique(
        np.array([*account.column.levels, *name.column.levels], dtype=object), return_inverse=True
    )
    codes = np.append(place, -1).astype(np.int32)
    by_account = picked(codes, account.column.values)
    own = np.append(codes[len(account.column.levels) :], -1).astype(np.int32)
    by_name = picked(own, name.column.values)
    return Column(
        "level", np.where(numbered, by_account, by_name), tuple(levels.tolist())
    ), fallen_back


def nowhere(n_rows: int) -> Column:
    """A column of levels that states nothing."""
    return Column("level", np.full(n_rows, -1, dtype=np.int32))


def add_faults(
    faults: Faults, raw: Raw, places: Mapping[str, int], parsed: Mapping[str, Parsed]
) -> None:
    """Note cells that cannot be read, and required ones that are empty."""
    errors = raw.sheet.errors if raw.sheet else {}
    for name, column in parsed.items():
        kind, cells = ATTRIBUTE_NAMED[name].kind, raw.cells[places[name]]
        bad = column.bad
        if places[name] in errors:
            bad = bad & ~errors[places[name]]
        for mistake, wrong in _sorted_out(kind, cells, bad).items():
            faults.add_cells(wrong, name, cells, EXPECTED.get(kind, ""), mistake)
    for place, wrong in errors.items():
        rule = "is the error value of a formula"
        faults.add_cells(wrong, raw.names[place], raw.cells[place], rule, "formula_error", place)
    empty = ~parsed["ActivityName"].column.stated()
    faults.add(empty, "ActivityName is empty", "activity_empty", "ActivityName")
    moment = parsed["EventTime"]
    empty = ~moment.column.stated() & ~moment.bad
    faults.add(empty, "EventTime is empty", "time_empty", "EventTime")


def _sorted_out(kind: Kind, cells: pa.ChunkedArray, bad: Mask) -> dict[str, Mask]:
    """Unreadable cells by mistake."""
    rows = np.flatnonzero(bad)
    if not len(rows):
        return {}
    if kind in ("number", "flag"):
        return {f"{kind}_unreadable": bad}
    texts = pc.utf8_trim_whitespace(cells.take(pa.array(rows)).cast(pa.large_string()))
    if kind == "money":
        large, other = "amount_too_large", "amount_unreadable"
        patterns = {large: r"^[-+(]?[0-9][0-9., ']*(?:[eE]\+?[0-9]+)?\)?$"}
    else:
        other = "date_unreadable"
        patterns = {
            "no_such_day": r"^(?:19[7-9][0-9]|20[0-9]{2}|2100)-[0-9]{1,2}-[0-9]{1,2}|"
            r"^[0-9]{1,2}[./-][0-9]{1,2}[./-](?:19[7-9][0-9]|20[0-9]{2}|2100)",
            "date_out_of_range": r"^-?[0-9]+(?:\.[0-9]+)?$|^[0-9]{4}[-/.][0-9]{1,2}[-/.]|"
            r"^[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{4}|^[0-9]{2}:[0-9]{2}",
        }
    found: dict[str, Mask] = {}
    left = np.ones(len(rows), dtype=bool)
    for mistake, pattern in patterns.items():
        fits = pc.match_substring_regex(texts, pattern).fill_null(False).to_numpy()
        found[mistake] = np.zeros(len(bad), dtype=bool)
        found[mistake][rows[left & fits]] = True
        left &= ~fits
    found[other] = np.zeros(len(bad), dtype=bool)
    found[other][rows[left]] = True
    return found


def add_missing_invoices(
    faults: Faults, invoice: Column, activities: Activities, customer_named: Mask
) -> None:
    """Note events without an invoice that need one, or that name no customer either."""
    alone = [
        name not in ACTIVITY_NAMED or not ACTIVITY_NAMED[name].invoice
        for name in activities.column.levels
    ]
    may_be_alone, empty = activities.where(alone), ~invoice.stated()
    needed = empty & ~may_be_alone & activities.column.stated()
    reason = "InvoiceNumber is empty and the activity needs one"
    faults.add(needed, reason, "invoice_empty", "InvoiceNumber")
    reason = "InvoiceNumber and the customer are both empty"
    faults.add(empty & may_be_alone & ~customer_named, reason, "nobody", "InvoiceNumber")


def settle_signs(
    faults: Faults, raw: Raw, place: int, payment: Parsed, activities: Activities
) -> tuple[Parsed, int]:
    """Make payments positive if the whole log signs them negative; set mixed signs aside.

    Returns
    -------
    payment : Parsed
    turned : int
        Rows whose sign was dropped.
    """
    amounts = payment.column.values.astype(np.int64)
    negative = (amounts < 0) & (amounts != NONE)
    moving = activities.where([role_of(n) in MOVING_ROLES for n in activities.column.levels])
    if not negative.any():
        return payment, 0
    if (negative & moving).any() and not ((amounts > 0) & moving).any():
        positive = Column("money", np.where(negative, -amounts, amounts))
        return Parsed(positive, payment.bad), int(negative.sum())
    rule = "is negative, and not all payments of the log are"
    faults.add_cells(negative, "PaymentAmount", raw.cells[place], rule, "payment_negative")
    return payment, 0
