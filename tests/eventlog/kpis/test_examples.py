"""Every KPI gives what its worked example in the catalogue says, on a log read at a glance."""

import re
from functools import cache

import pandas as pd
import pytest

from eventlog.kpis.catalogue import KPI_NAMED, KPIS
from tests.eventlog.kpis.examples import EXAMPLES, log_of
from tests.eventlog.kpis.reading import figure, table_of


@cache
def whole_table(log: str, cutoff: str) -> pd.DataFrame:
    """Every KPI of an example's log."""
    return table_of(log_of(log), cutoff)


def value_of(name: str) -> float:
    """The number that the catalogue's example comes to."""
    found = re.search(r"= ([\d,.]+)$", KPI_NAMED[name].example)
    assert found, f"the example of {name} does not end in '= number'"
    return float(found.group(1).replace(",", ""))


def test_every_kpi_has_a_worked_example():
    assert set(EXAMPLES) == {kpi.name for kpi in KPIS}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_value_is_that_of_the_worked_example(name):
    example = EXAMPLES[name]
    row = figure(whole_table(example.log, example.cutoff), name, example.month, part=example.part)
    assert row["value"] == pytest.approx(value_of(name), abs=6e-5), row["note"]


@pytest.mark.parametrize("name", [kpi.name for kpi in KPIS if kpi.kind == "ratio"])
def test_the_value_is_numerator_over_denominator(name):
    example = EXAMPLES[name]
    row = figure(whole_table(example.log, example.cutoff), name, example.month, part=example.part)
    assert row["value"] == pytest.approx(row["numerator"] / row["denominator"])
