"""The queries themselves: companies in every join, columns the schema knows, one an activity."""

from __future__ import annotations

import re

import pytest

from eventlog.dynamics.queries import QUERIES, columns_read, query, tables_read
from eventlog.dynamics.schema import TABLE_NAMED
from eventlog.template import ACTIVITIES, DUE_DATE_PASSED

#: Tables without a company: one row for all of them.
SHARED = {
    name for name, t in TABLE_NAMED.items() if "DataAreaId" not in {c.name for c in t.columns}
}
COMPANY = re.compile(
    r"\b(\w+\.)?(DataAreaId|company) = (upper\()?\w+\.(DataAreaId|company)\b"
    r"|upper\(s\.Company\) = r\.DataAreaId|USING \(company"
)


def code(name: str) -> str:
    return re.sub(r"--.*", "", query(name))


@pytest.mark.parametrize("name", QUERIES)
def test_every_join_and_window_keeps_companies_apart(name):
    text = code(name)
    joins = re.split(r"\bJOIN\b", text)[1:]
    loose = []
    for joined in joins:
        clause = re.search(
            r"\bON\b(.*?)(?=\bWHERE\b|\bGROUP BY\b|\bLEFT\b|\bANTI\b|\bQUALIFY\b|;|\Z)"
            r"|\bUSING \(company",
            joined,
            re.DOTALL,
        )
        own = re.match(r"\s*(\w+)", joined)
        if own and own.group(1) in SHARED - {"CustWriteOffFinancialReasonsSetup"}:
            continue
        if "LogisticsPostalAddress" in joined and "a.Location = d.Primary" in joined:
            continue
        if not (clause and COMPANY.search(clause.group())):
            loose.append(joined.strip()[:60])
    windows = re.findall(r"PARTITION BY\s+([\w.]+)", text)
    loose += [w for w in windows if not re.search(r"(DataAreaId|company)$|^Location$", w)]
    inner = re.findall(r"EXISTS \(\s*SELECT 1 FROM.*?\n\s*\)", text, re.DOTALL)
    loose += [each for each in inner if not COMPANY.search(each)]
    assert loose == []


def test_every_activity_of_the_template_has_a_query():
    texts = "\n".join(map(code, QUERIES))
    lacking = [a.name for a in ACTIVITIES if f"'{a.name}'" not in texts]
    assert lacking == [DUE_DATE_PASSED]


def test_tables_of_the_state_at_the_export_are_not_read():
    assert "CustTransOpen" not in {table.name for table in tables_read()}
    state = {"CollectionLetterCode", "LastSettleDate", "SettleAmountCur"}
    assert not columns_read(TABLE_NAMED["CustTrans"]) & state


def test_no_query_reads_the_clock():
    for name in QUERIES:
        assert not re.search(
            r"\b(now|today|current_\w+|get_current_\w+)\b", code(name), re.IGNORECASE
        )
