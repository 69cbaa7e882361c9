"""The KPIs: the one table that the command line, the page in docs and the tests read."""

from __future__ import annotations

from collections.abc import Iterable

from eventlog.errors import SettingsError
from eventlog.kpis import entries_receivables, entries_work
from eventlog.kpis.kpi import Kpi

#: What the modules of a family of measures are called on the page.
CHAPTERS = {
    "dso": "Receivables and days sales outstanding",
    "ageing": "Ageing",
    "punctuality": "Punctuality",
    "collections": "Roll rates",
    "dunning": "Dunning",
    "adherence": "Dunning policy",
    "disputes": "Disputes",
    "promises": "Promises",
    "cash_application": "Cash application",
    "write_offs": "Write-offs",
    "credit_limits": "Credit limits",
    "productivity": "The collection team",
}
KPIS: tuple[Kpi, ...] = tuple(
    kpi
    for chapter in CHAPTERS
    for kpi in (*entries_receivables.ENTRIES, *entries_work.ENTRIES)
    if kpi.family == chapter
)
KPI_NAMED = {kpi.name: kpi for kpi in KPIS}
_SEEN = {
    "month end": "as known at each month's end, never restated",
    "cutoff": "as known at the cutoff, so young months may still change",
}


def chosen(names: Iterable[str]) -> tuple[Kpi, ...]:
    """KPIs by name, in the catalogue's order; all of them where none is named.

    Raises
    ------
    SettingsError
        If a name is unknown.
    """
    asked = list(names)
    unknown = sorted(set(asked) - set(KPI_NAMED))
    if unknown:
        raise SettingsError(
            f"There is no KPI {', '.join(unknown)}. `duecast kpis --list` names those there are."
        )
    return tuple(kpi for kpi in KPIS if kpi.name in asked) if asked else KPIS


def explained(kpi: Kpi) -> list[tuple[str, str]]:
    """What there is to say of a KPI, heading by heading."""
    better = {"up": "more is better", "down": "less is better", "": "neither is better"}
    said = [
        ("what", f"{kpi.title}, {kpi.unit}; {better[kpi.better]}"),
        ("formula", kpi.formula),
        ("left out", kpi.excluded),
        ("seen", _SEEN[kpi.seen]),
        ("split by", kpi.split),
        ("definition", kpi.source),
        ("example", kpi.example),
        ("needs", " and ".join(filter(None, [" or ".join(kpi.needs), kpi.column]))),
    ]
    return [(heading, text) for heading, text in said if text]
