"""A scoring run on a Dask cluster: partition by partition, one logical run, one transaction.

What is common to all customers (peer rates, past late cases) is counted in a first pass over the
partitions and added up; the second pass scores each partition and leaves its rows on the cluster.
Only what ranks the rows comes to the client before it writes them, one partition after the other.
A task that is lost with its worker is done again; the store shows the run when all of it is there.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from distributed import Future

from eventlog.log import timestamp
from eventlog.partitions import load_partition
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.partitions import PartitionedLog, gathered
from serving.history import keep_part
from serving.scoring import (
    add_counted,
    applied,
    as_worklist,
    count_known,
    ends_to_follow,
    in_common,
    ranks_of,
    refuse_none_open,
    refuse_unready,
    score_customers,
    skipped_targets,
)
from serving.store import Run, Store
from training.model import RiskModel
from training.registry import Version

_RANKED_BY = ["priority", "open_balance_reporting", "actionable"]
_SUMMED = ["open_balance_reporting", "expected_loss", "priority"]


def make_run_on_cluster(
    log: PartitionedLog,
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
    """Score the invoices open at a cutoff and store the run; see `serving.run.make_run`.

    Raises
    ------
    NotReadyError
        If there is no champion, or the cluster lost its workers.
    DataError
        If the cutoff lies after the end of the log, or no invoice is open at it.
    """
    partitions = log.partitions
    models = {target: model for target, (model, _) in champions.items()}
    versions = {target: version.version for target, (_, version) in champions.items()}
    policy = refuse_unready(models, cutoff, partitions.ends_at, policy)
    known = replace(log, cutoff=cutoff)
    terms: dict[str, Any] = {"cutoff": cutoff, "policy": policy, "rates": rates}
    progress("what is common")
    counted = known.gather(count_known, threads=1, ends=ends_to_follow(models, cutoff), **terms)
    whole = add_counted(counted)
    refuse_none_open(whole.n_open, cutoff, partitions.first_known_at, partitions.ends_at)
    common = in_common(whole, load_partition(partitions, 0), cutoff, policy, models)
    policy = policy.changed(loss_given_default=common.loss.value)
    terms["policy"] = policy
    progress("scores")
    open_ones = [number for number, part in enumerate(counted) if part.n_open]
    scored = known.each(
        score_customers, models=models, common=common, only=open_ones, threads=1, **terms
    )
    progress("ranks")
    figures = gathered(log.client, log.client.map(_figures, scored))
    rank = ranks_of(pd.concat(figures, ignore_index=True))
    progress("history")
    path = _history(known, history, f"{partitions.fingerprint}-{cutoff}")
    total = pd.concat([part[_SUMMED] for part in figures]).sum()
    run = Run(
        run_id=run_id,
        as_of=timestamp(cutoff),
        scored_at=scored_at,
        log_name=log_name,
        log_fingerprint=partitions.fingerprint,
        history_path=str(path),
        reporting_currency=rates.reporting,
        policy=applied(policy, common.loss),
        models=versions,
        n_invoices=whole.n_open,
        open_balance=float(total["open_balance_reporting"]),
        expected_loss=float(total["expected_loss"]),
        priority=float(total["priority"]),
        skipped=skipped_targets(models, common, policy),
    )
    progress("storing")
    ranked = _ranked(log, scored, rank)
    store.write_run(run, (as_worklist(part, models, versions) for part in ranked))
    return run


def _figures(scored: pd.DataFrame) -> pd.DataFrame:
    """What ranks and sums up the rows of a partition."""
    return scored[list(dict.fromkeys(_RANKED_BY + _SUMMED))]


def _ranked(
    log: PartitionedLog, scored: list[Future[pd.DataFrame]], rank: np.ndarray
) -> Iterator[pd.DataFrame]:
    """Scored rows with their ranks among all, one partition after the other."""
    begin = 0
    for future in scored:
        (part,) = gathered(log.client, [future])
        part["rank"] = rank[begin : begin + len(part)]
        begin += len(part)
        yield part


def _history(known: PartitionedLog, folder: Path, name: str) -> Path:
    """Write the log as scored, a file a partition; the folder appears when it is complete.

    The client writes it: its folder need not be one that the workers see.
    """
    path = folder / name
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=folder))
    try:
        for number in range(len(known)):
            keep_part(known.load(number), number, unfinished)
        unfinished.chmod(0o755)
        unfinished.replace(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return path
