"""One scoring run: score, keep the log as it was scored, write the store in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from eventlog.log import EventLog, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates
from serving.history import keep_history
from serving.scoring import applied, score
from serving.store import Run, Store
from training.model import RiskModel
from training.registry import Version


def make_run(
    log: EventLog,
    cutoff: int,
    champions: Mapping[str, tuple[RiskModel, Version]],
    policy: Policy,
    rates: Rates,
    store: Store,
    history: Path,
    *,
    run_id: str,
    scored_at: pd.Timestamp,
    log_name: str = "",
    progress: Callable[[str], None] = lambda _: None,
) -> Run:
    """Score the invoices open at a cutoff and store the run.

    The history file is written first and the store last, so a run that the store shows is whole.

    Parameters
    ----------
    history : Path
        Folder for the log as scored.
    run_id, scored_at
        From the entry point: nothing here reads the clock.

    Returns
    -------
    Run
        `Store.worklist` has its rows.
    """
    scored = score(
        log,
        cutoff,
        {target: model for target, (model, _) in champions.items()},
        policy,
        rates,
        versions={target: version.version for target, (_, version) in champions.items()},
        progress=progress,
    )
    worklist = scored.worklist.assign(run_id=run_id, scored_at=scored_at)
    progress("history")
    known = log.upto(cutoff)
    run = Run(
        run_id=run_id,
        as_of=timestamp(cutoff),
        scored_at=scored_at,
        log_name=log_name,
        log_fingerprint=known.fingerprint,
        history_path=str(keep_history(known, history)),
        reporting_currency=rates.reporting,
        policy=applied(scored.policy, scored.loss),
        models={target: version.version for target, (_, version) in champions.items()},
        n_invoices=len(worklist),
        open_balance=float(worklist["open_balance_reporting"].sum()),
        expected_loss=float(worklist["expected_loss"].sum()),
        priority=float(worklist["priority"].sum()),
        skipped=scored.skipped,
    )
    progress("storing")
    store.write_run(run, worklist)
    return run
