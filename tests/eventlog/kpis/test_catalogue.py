"""The catalogue can be read, hangs together, and is the page in docs."""

from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from eventlog.errors import SettingsError
from eventlog.kpis.catalogue import CHAPTERS, KPIS, chosen, explained
from eventlog.kpis.entries_receivables import ENTRIES as RECEIVABLES
from eventlog.kpis.entries_work import ENTRIES as WORK
from eventlog.kpis.kpi import Kind, SeenFrom, Unit
from eventlog.kpis.page import as_markdown
from eventlog.template import ACTIVITY_NAMED, ATTRIBUTE_NAMED

PAGE = Path(__file__).parents[3] / "docs" / "kpis.md"


def test_every_name_and_title_stands_once():
    for what in ([kpi.name for kpi in KPIS], [kpi.title for kpi in KPIS]):
        assert [name for name, count in Counter(what).items() if count > 1] == []


def test_no_entry_is_lost_between_the_chapters():
    assert {kpi.name for kpi in KPIS} == {kpi.name for kpi in (*RECEIVABLES, *WORK)}
    assert {kpi.family for kpi in KPIS} == set(CHAPTERS)


def test_everything_is_said_in_sentences():
    for kpi in KPIS:
        for text in (kpi.formula, kpi.excluded, kpi.source):
            assert text.endswith("."), kpi.name
        assert kpi.needs or kpi.column, kpi.name


def test_kinds_and_units_are_known():
    assert {kpi.kind for kpi in KPIS} == set(get_args(Kind))
    assert {kpi.unit for kpi in KPIS} <= set(get_args(Unit))
    assert {kpi.seen for kpi in KPIS} == set(get_args(SeenFrom))


def test_what_a_kpi_needs_is_in_the_template():
    assert {name for kpi in KPIS for name in kpi.needs} <= set(ACTIVITY_NAMED)
    assert {kpi.column for kpi in KPIS if kpi.column} <= set(ATTRIBUTE_NAMED)


def test_money_goes_with_units_of_money():
    for kpi in KPIS:
        if "money" in kpi.unit:
            assert kpi.is_money, kpi.name


def test_chosen_keeps_the_catalogues_order_and_refuses_unknown_names():
    assert [kpi.name for kpi in chosen(["cei", "dso"])] == ["dso", "cei"]
    assert chosen([]) == KPIS
    with pytest.raises(SettingsError, match="There is no KPI dos, unknown"):
        chosen(["unknown", "dso", "dos"])


def test_the_explanation_leaves_out_what_there_is_nothing_to_say_of():
    headings = [heading for heading, _ in explained(chosen(["dso"])[0])]
    assert headings == ["what", "formula", "left out", "seen", "definition", "example", "needs"]


def test_the_page_in_docs_is_the_generated_one():
    assert PAGE.read_text(encoding="utf-8").strip() == as_markdown().strip()
