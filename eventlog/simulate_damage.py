"""The same log as files hold it: as text, and damaged the way real extracts are.

`make_dirty` says of every row it touches what it did, so a reader's quarantine can be checked
against it row by row.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.errors import SettingsError
from eventlog.known import Ints
from eventlog.template import ATTRIBUTE_NAMED

#: Kinds of damage. `date form` and `unknown activity` are legal and harmless to a careful reader;
#: the others make the row unusable, `duplicate row` as a copy of the row before it.
DAMAGES = (
    "bad date",
    "text in amount",
    "no activity",
    "unknown activity",
    "no invoice number",
    "date form",
    "duplicate row",
)
BAD_DATES = ("0000-00-00", "2023-02-30", "n/a", "31/31/2022", "#REF!", "tomorrow")
BAD_AMOUNTS = ("see attachment", "tbd", "#VALUE!", "12..50", "1O0.00")
UNKNOWN_ACTIVITIES = ("Portal Login", "Customer Visit Planned", "XYZ-17")
#: Other ways of writing a moment; the last one only where its day cannot pass for a month.
_DATE_FORMS = (
    "%d %b %Y %H:%M:%S",
    "%Y%m%d %H%M%S",
    "%B %d, %Y %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
)


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """The log as a text file holds it.

    Parameters
    ----------
    frame : DataFrame of shape (n_events, n_columns)
        From `eventlog.simulate.simulate`.

    Returns
    -------
    DataFrame of str, same shape
        Moments as ``2023-01-15T09:30:00Z``, midnights and dates as ``2023-01-15``, money with two
        decimals and a point, nothing missing: "" where the log states nothing.
    """
    return pd.DataFrame({name: _text(frame[name]) for name in frame.columns})


def make_dirty(
    frame: pd.DataFrame, seed: int = 0, share: float = 0.01
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Damage some rows the way real extracts are damaged.

    Parameters
    ----------
    frame : DataFrame of shape (n_events, n_columns)
        From `eventlog.simulate.simulate`.
    seed : int
    share : float
        Rows to damage, 0 to 1; each of them in one way only, the ways in turn.

    Returns
    -------
    dirty : DataFrame of str, shape (n_events + n_duplicates, n_columns)
        As `as_text` writes it, damaged; a duplicate stands right after its original.
    damages : DataFrame, columns row, kind, column, before, after
        One row per damaged row of `dirty`, sorted by `row`, its position counted from 0. `column`
        is the column that was changed and `before` and `after` its texts; all three are "" for
        duplicates.

    Raises
    ------
    SettingsError
        If the share does not lie between 0 and 1.
    """
    if not 0 <= share <= 1:
        raise SettingsError(f"'share' is {share}. Choose a number from 0 to 1.")
    rng = np.random.default_rng([seed, 1])
    clean = as_text(frame)
    cells = {name: clean[name].to_numpy(dtype=object).copy() for name in clean.columns}
    rows = rng.choice(len(clean), round(share * len(clean)), replace=False)
    kind = np.arange(len(rows)) % len(DAMAGES)
    column = np.full(len(rows), "", dtype=object)
    for name, damage in (
        ("EventTime", "bad date"),
        ("ActivityName", "no activity"),
        ("ActivityName", "unknown activity"),
        ("InvoiceNumber", "no invoice number"),
        ("EventTime", "date form"),
    ):
        column[kind == DAMAGES.index(damage)] = name
    amounts = [n for n in cells if n in ATTRIBUTE_NAMED and ATTRIBUTE_NAMED[n].kind == "money"]
    chosen = np.flatnonzero(kind == DAMAGES.index("text in amount"))
    column[chosen] = _a_stated(cells, amounts, rows[chosen])
    # Only events of an invoice can lack its number; the others get a bad date instead.
    spared = (kind == DAMAGES.index("no invoice number")) & (cells["InvoiceNumber"][rows] == "")
    kind[spared], column[spared] = DAMAGES.index("bad date"), "EventTime"

    before = np.full(len(rows), "", dtype=object)
    after = before.copy()
    for name in np.unique(column[column != ""]):
        at = np.flatnonzero(column == name)
        before[at] = cells[name][rows[at]]
    for code, damage in enumerate(DAMAGES[:-1]):
        at = np.flatnonzero(kind == code)
        after[at] = _damaged(damage, frame["EventTime"].to_numpy()[rows[at]], rng)
    for name in np.unique(column[column != ""]):
        at = np.flatnonzero(column == name)
        cells[name][rows[at]] = after[at]

    copied = np.zeros(len(clean), dtype=np.int64)
    copied[rows[kind == DAMAGES.index("duplicate row")]] = 1
    shift = np.cumsum(copied) - copied
    position = rows + shift[rows] + copied[rows]
    dirty = pd.DataFrame({name: np.repeat(cells[name], 1 + copied) for name in cells}, dtype="str")
    damages = pd.DataFrame(
        {
            "row": position,
            "kind": np.array(DAMAGES, dtype=object)[kind],
            "column": column,
            "before": before,
            "after": after,
        }
    )
    return dirty, damages.sort_values("row", ignore_index=True)


def _damaged(
    damage: str, time: NDArray[np.datetime64], rng: np.random.Generator
) -> NDArray[np.object_]:
    """New texts for cells damaged in one way."""
    n = len(time)
    if damage == "date form":
        moments = pd.Series(time)
        plain = moments.dt.day.to_numpy() > 12
        form = rng.integers(0, len(_DATE_FORMS) - ~plain, n)
        texts = np.full(n, "", dtype=object)
        for code, pattern in enumerate(_DATE_FORMS):
            at = form == code
            texts[at] = moments[at].dt.strftime(pattern)
        return texts
    choice = {
        "bad date": BAD_DATES,
        "text in amount": BAD_AMOUNTS,
        "unknown activity": UNKNOWN_ACTIVITIES,
    }.get(damage, ("",))
    return rng.choice(np.array(choice, dtype=object), n)


def _a_stated(
    cells: dict[str, NDArray[np.object_]], names: list[str], rows: Ints
) -> NDArray[np.object_]:
    """First column in which each row states something; the first of all where none does."""
    stated = np.stack([cells[name][rows] != "" for name in names])
    return np.array(names, dtype=object)[np.argmax(stated, axis=0)]


def _text(column: pd.Series) -> pd.Series:
    """One column as text, "" where missing; each different value is written once."""
    codes, levels = pd.factorize(column)
    if column.dtype.kind == "M":
        time = levels.to_numpy().astype("datetime64[s]")
        moment = np.datetime_as_string(time, unit="s").astype(object) + "Z"
        day = np.datetime_as_string(time, unit="D").astype(object)
        written = np.where(time == time.astype("datetime64[D]"), day, moment)
    elif column.dtype.kind == "f":
        written = np.char.mod("%.2f", levels.to_numpy()).astype(object)
    else:
        written = levels.astype("str").to_numpy(dtype=object)
    return pd.Series(np.append(written, "")[codes], dtype="str", index=column.index)
