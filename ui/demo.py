"""The demo: a synthetic company from its event log to the ranked worklist."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pandas as pd
from rich.console import Console

from eventlog.errors import DataError
from eventlog.policy import Policy
from eventlog.rates import read_rates
from eventlog.reader import read_log
from eventlog.simulate import Company, rate_table, simulate
from serving.run import make_run
from serving.settings import Settings
from serving.store import Store
from training.fit import Recipe
from training.registry import champions, open_registry
from training.train import train_all
from ui.log_report import print_check
from ui.progress import stages
from ui.report import print_training
from ui.worklist_report import print_run, print_worklist

#: A folder that holds this file was made by the demo and may be made anew.
MARK = "made-by-duecast-demo.txt"
#: Why the demo's models serve where the checks object: its company changes in the last half year.
OVERRIDE = "demo: the synthetic company's habits worsen in its last six months"


def run_demo(out: Console, folder: Path, invoices: int) -> None:
    """Simulate, check, train, score and show; everything lies in ``folder``.

    Raises
    ------
    DataError
        If the folder exists and is not the demo's own.
    """
    if folder.exists():
        if not (folder / MARK).is_file():
            raise DataError(f"{folder} exists and is not the demo's. Choose another --folder.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARK).write_text("Everything here is synthetic and is replaced by the next demo.\n")
    settings = Settings.from_env({"DUECAST_HOME": str(folder)})
    company = Company(n_invoices=invoices)
    with stages("Demo", steps=60) as say:
        say("simulating a company")
        simulate(company, seed=0).to_parquet(folder / "log.parquet", index=False)
        rate_table(company, 0).to_csv(folder / "rates.csv", index=False)
        say("reading its log")
        log, summary = read_log(folder / "log.parquet")
        policy = Policy(reporting_currency="EUR")
        rates = read_rates(folder / "rates.csv", "EUR")
        registry = open_registry(settings.tracking_uri, folder.absolute() / "mlruns" / "artifacts")
        outcomes = train_all(
            log,
            log.ends_at + 1,
            policy,
            rates,
            Recipe(),
            registry,
            log_name="demo",
            serve_anyway=OVERRIDE,
            progress=say,
        )
        say("scoring the open invoices")
        store = Store(settings.store_url)
        run = make_run(
            log,
            log.ends_at,
            champions(registry),
            policy,
            rates,
            store,
            folder.absolute() / "history",
            run_id="demo",
            scored_at=pd.Timestamp.now(tz="UTC").tz_localize(None),  # noqa: TID251 - entry point
            log_name="demo/log.parquet (synthetic)",
        )
    out.rule("A synthetic company")
    print_check(out, summary)
    out.rule("Models (synthetic data)")
    print_training(out, outcomes)
    out.rule("Whom to call first")
    print_run(out, run)
    print_worklist(out, store.worklist(run.run_id, limit=15), run.reporting_currency)
    home = os.path.relpath(folder)
    out.print(f"Open the pages:  [bold]DUECAST_HOME={home} .venv/bin/duecast ui[/]")
