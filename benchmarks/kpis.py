"""KPIs of a large log: 12 months by segment, in seconds and megabytes beyond the loaded log.

``python -m benchmarks.kpis --invoices 1000000`` simulates a company of that size, or reads
``--log`` and ``--rates``, and computes every KPI of the catalogue.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from time import perf_counter, process_time

from benchmarks.company import EVENTS_AN_INVOICE, synthetic_company
from benchmarks.memory import Peak
from eventlog.kpis.catalogue import KPIS
from eventlog.kpis.table import kpi_table
from eventlog.policy import Policy
from eventlog.rates import read_rates
from eventlog.reader import read_log


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--invoices", type=int, default=1_000_000)
    parser.add_argument("--log", type=Path, help="read this log instead of simulating one")
    parser.add_argument("--rates", type=Path, help="its rate table, to euros")
    parser.add_argument("--by", default="segment")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    begin = perf_counter()
    if options.log:
        log = read_log(options.log)[0]
        rates = read_rates(options.rates, "EUR") if options.rates else None
    else:
        log, rates = synthetic_company(round(options.invoices * EVENTS_AN_INVOICE))
    print(
        f"{len(log):,} events, {log.n_invoices:,} invoices, {log.n_customers:,} customers "
        f"(loaded in {perf_counter() - begin:.0f} s), {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}"
    )

    def compute(part: object = None, **chosen: object) -> int:
        table = kpi_table(
            part or log,  # type: ignore[arg-type]
            log.ends_at,
            Policy(),
            rates,
            by=(options.by,),
            threads=options.threads,
            **chosen,  # type: ignore[arg-type]
        )
        return len(table)

    compute(log.of_customers(0, min(20, log.n_customers)))  # compiles
    for repeat in range(options.repeats):
        begin, worked = perf_counter(), process_time()
        with Peak() as peak:
            n_rows = compute()
        print(
            f"{len(KPIS)} KPIs, 12 months by {options.by}, {n_rows:,} rows: "
            f"{perf_counter() - begin:.1f} s ({process_time() - worked:.1f} s of work), "
            f"{peak.megabytes:,.0f} MB beyond the log, run {repeat + 1}"
        )
    begin = perf_counter()
    compute(kpis=["overdue", "overdue_share", "dso"])
    print(f"overdue, overdue share and DSO alone: {perf_counter() - begin:.1f} s")


if __name__ == "__main__":
    main()
