"""The KPIs for the terminal; they print, they do not compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eventlog.cutoffs import cutoff_text
from eventlog.kpis.catalogue import CHAPTERS, KPI_NAMED, KPIS, explained
from eventlog.kpis.kpi import Kpi
from eventlog.kpis.table import ALL
from eventlog.log import timestamp
from ui.figures import number

_RUNNING = "month running"
#: Groups beside each other in the headline table; more are left to `--kpi`.
MOST_GROUPS = 8
#: Months beside each other; more are left to `--out`.
MOST_MONTHS = 7


def figure_text(value: Any, unit: str) -> str:
    """A figure in its unit; shares in per cent."""
    if value is None or pd.isna(value):
        return "–"
    if unit == "share":
        return f"{value:.1%}".replace("%", " %")
    return number(value, {"money": 0, "count": 0, "days": 1}.get(unit, 2))


def unit_text(unit: str, currency: str) -> str:
    """The unit as a person reads it."""
    money = currency or "invoice currency"
    return {
        "share": "%",
        "money": money,
        "count": "number",
        "money per collector-day": f"{money} a collector-day",
        "per collector-day": "a collector-day",
    }.get(unit, unit)


def print_kpis(
    out: Console,
    table: pd.DataFrame,
    wanted: Sequence[Kpi] | None,
    cutoff: int,
    log_name: str,
) -> None:
    """Headline figures and their groups, or the KPIs asked for, month by month.

    Parameters
    ----------
    table : DataFrame
        From `eventlog.kpis.table.kpi_table`.
    wanted : sequence of Kpi, optional
        Default: the headline.
    """
    said = f"[bold]KPIs[/] · cutoff {timestamp(cutoff):%Y-%m-%d %H:%M} UTC · {escape(log_name)}"
    if table["unit"].str.contains("money").any():
        found = sorted(set(table["currency"]) - {""})
        said += f" · money in {', '.join(found) or 'the invoice currency'}"
    out.print(said)
    if wanted is None:
        _print_headline(out, table)
        _print_groups(out, table)
        out.print(
            "`duecast kpis LOG --kpi NAME` shows a KPI month by month, `--list` names all, "
            "`--explain NAME` says what one means.",
            markup=False,
        )
        return
    for kpi in wanted:
        _print_months(out, table[table["kpi"] == kpi.name], kpi)


def _print_headline(out: Console, table: pd.DataFrame) -> None:
    whole = table[(table["dimension"] == ALL) & (table["part"] == "all")]
    every = list(dict.fromkeys(whole["month"]))
    running = every[-1] if whole["note"].str.contains(_RUNNING).any() else None
    full = [month for month in every if month != running]
    months = {running: f"{running}, to date"} if running else {}
    months |= {full[-1]: full[-1]}
    months |= {full[-2]: "month before"} if len(full) > 1 else {}
    months |= {full[-13]: "a year before"} if len(full) > 12 else {}
    headings = [escape(text) for text in months.values()]
    beside = [*months].index(full[-2]) + 1 if len(full) > 1 else len(months)
    if len(full) > 1:
        headings.insert(beside, "against the month before")
    shown = _table("Headline", "KPI", "unit", *headings)
    if len(full) > 1:
        shown.columns[2 + beside].no_wrap = False
    notes: dict[str, list[str]] = {}
    for kpi in (kpi for kpi in KPIS if kpi.headline):
        rows = whole[whole["kpi"] == kpi.name].set_index("month")
        if not len(rows):
            continue
        note = _lasting_note(rows)
        if note.startswith("no ") or rows["value"].isna().all():
            notes.setdefault(note or "nothing to show", []).append(kpi.title)
            continue
        values = {month: rows["value"].get(month) for month in months}
        texts = [figure_text(value, kpi.unit) for value in values.values()]
        if len(full) > 1:
            texts.insert(beside, _direction(kpi, values[full[-1]], values[full[-2]]))
        shown.add_row(
            kpi.title,
            unit_text(kpi.unit, str(rows["currency"].iloc[0])),
            *texts,
        )
    out.print(shown)
    for note, titles in notes.items():
        out.print(f"Not shown: {escape('; '.join(titles))}: {escape(note)}.")


def _direction(kpi: Kpi, now: float | None, before: float | None) -> str:
    """Whether the last whole month is better or worse than the one before it."""
    if not kpi.better or now is None or before is None or pd.isna(now) or pd.isna(before):
        return ""
    if figure_text(now, kpi.unit) == figure_text(before, kpi.unit):
        return "same"
    return "better" if (now > before) == (kpi.better == "up") else "worse"


def _lasting_note(rows: pd.DataFrame) -> str:
    """The note of the last whole month, without what a running month says."""
    whole = rows[~rows["note"].str.contains(_RUNNING)]
    return str((whole if len(whole) else rows)["note"].iloc[-1])


def _print_groups(out: Console, table: pd.DataFrame) -> None:
    """The headline of the last whole month beside each other, group by group."""
    for dimension in dict.fromkeys(table["dimension"]):
        if dimension == ALL:
            continue
        rows = table[(table["dimension"] == dimension) & (table["part"] == "all")]
        month = rows.loc[~rows["note"].str.contains(_RUNNING), "month"].iloc[-1]
        rows = rows[rows["month"] == month]
        size = rows[rows["kpi"].isin(["receivables", "credit_sales"])].groupby("group")["n"].sum()
        groups = size.sort_values(ascending=False).index.tolist()[:MOST_GROUPS]
        shown = _table(f"By {dimension}, {month}", "KPI", "unit", *map(escape, groups))
        for kpi in (kpi for kpi in KPIS if kpi.headline):
            own = rows[rows["kpi"] == kpi.name].set_index("group")
            if own["value"].notna().any():
                shown.add_row(
                    kpi.title,
                    unit_text(kpi.unit, _one(own["currency"])),
                    *(figure_text(own["value"].get(group), kpi.unit) for group in groups),
                )
        out.print(shown)
        if len(size) > len(groups):
            out.print(f"The {len(groups)} largest of {len(size)} groups; --out FILE has them all.")


def _one(texts: pd.Series) -> str:
    """The text that all share; empty where they differ."""
    found = set(texts)
    return str(found.pop()) if len(found) == 1 else "own currency"


def _print_months(out: Console, rows: pd.DataFrame, kpi: Kpi) -> None:
    """One KPI month by month: all together with its parts, then each dimension's groups."""
    unit = unit_text(kpi.unit, _one(rows["currency"]))
    whole = rows[rows["dimension"] == ALL]
    if rows["value"].isna().all():
        note = _lasting_note(whole[whole["part"] == "all"])
        out.print(f"[bold]{kpi.title}[/]: {escape(note) or 'nothing to show'}.")
        return
    parts = list(dict.fromkeys(whole["part"]))
    if len(parts) <= MOST_GROUPS:
        _print_parts(out, whole, parts, kpi, unit)
    else:
        _print_across(out, whole, kpi, f"{kpi.title} ({unit})")
    for dimension in dict.fromkeys(rows["dimension"]):
        if dimension != ALL:
            own = rows[rows["dimension"] == dimension]
            _print_across(out, own, kpi, f"{kpi.title}, by {dimension} ({unit})")


def _print_parts(
    out: Console, rows: pd.DataFrame, parts: Sequence[str], kpi: Kpi, unit: str
) -> None:
    """Months from top to bottom, parts beside each other."""
    shown = _table(f"{kpi.title} ({unit})", "month")
    for part in parts:
        shown.add_column(escape(part), justify="right")
    shown.add_column("n", justify="right", no_wrap=True)
    shown.add_column("note")
    every = rows.sort_values("month").to_dict("records")
    at = {(row["month"], row["part"]): row for row in every}
    for month in dict.fromkeys(row["month"] for row in every):
        total = at[month, "all"]
        texts = [_cell(at[month, part], kpi) for part in parts]
        shown.add_row(month, *texts, number(total["n"], 0), escape(total["note"]))
    out.print(shown)


def _print_across(out: Console, rows: pd.DataFrame, kpi: Kpi, title: str) -> None:
    """Groups and parts from top to bottom, the last months beside each other."""
    every = sorted(set(rows["month"]))
    months = every[-MOST_MONTHS:]
    has_parts = len(set(rows["part"])) > 1
    shown = _table(title, "group", *(["part"] if has_parts else []))
    for month in months:
        shown.add_column(month, justify="right", no_wrap=True)
    values = dict(
        zip(
            zip(rows["group"], rows["part"], rows["month"], strict=True), rows["value"], strict=True
        )
    )
    for group, part in dict.fromkeys(zip(rows["group"], rows["part"], strict=True)):
        texts = [figure_text(values.get((group, part, month)), kpi.unit) for month in months]
        shown.add_row(escape(group), *([escape(part)] if has_parts else []), *texts)
    out.print(shown)
    if len(every) > len(months):
        out.print(f"The last {len(months)} of {len(every)} months; --out FILE has them all.")


def _cell(row: Mapping[Any, Any], kpi: Kpi) -> str:
    text = figure_text(row["value"], kpi.unit)
    if pd.notna(row["low"]) and pd.notna(row["value"]):
        high = figure_text(row["high"], kpi.unit)
        text += rf" \[{figure_text(row['low'], kpi.unit)}, {high}]"
    return text


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="left" if i < 2 else "right", no_wrap=i > 1)
    return table


def print_list(out: Console, kpis: Sequence[Kpi]) -> None:
    """Name, unit and formula of each."""
    for chapter, title in CHAPTERS.items():
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
        table.add_column("name", no_wrap=True)
        table.add_column("unit")
        table.add_column("formula")
        for kpi in kpis:
            if kpi.family == chapter:
                table.add_row(kpi.name, kpi.unit, escape(kpi.formula))
        out.print(table)


def print_explained(out: Console, kpi: Kpi) -> None:
    """All there is to say of one KPI."""
    table = Table(title=kpi.name, title_justify="left", box=box.SIMPLE_HEAD, show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for heading, text in explained(kpi):
        table.add_row(heading, escape(text))
    out.print(table)


def meanings(kpis: Sequence[Kpi]) -> list[tuple[str, ...]]:
    """What a workbook's second sheet says of each KPI."""
    return [
        ("KPI", "Unit", "Title", "Formula", "Left out", "Seen from", "Definition"),
        *((k.name, k.unit, k.title, k.formula, k.excluded, k.seen, k.source) for k in kpis),
    ]


def as_dict(table: pd.DataFrame, cutoff: int) -> dict[str, Any]:
    """The table for programs, with the formula of each KPI."""
    times = {name: table[name].dt.strftime("%Y-%m-%dT%H:%M:%S.%f") for name in ("starts", "ends")}
    return {
        "cutoff": cutoff_text(cutoff),
        "kpis": {
            name: {"title": kpi.title, "unit": kpi.unit, "formula": kpi.formula}
            for name, kpi in KPI_NAMED.items()
            if name in set(table["kpi"])
        },
        "rows": table.assign(**times).to_dict("records"),
    }
