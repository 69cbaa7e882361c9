"""The feature matrix one customer partition a task, on a Dask cluster.

A partition holds whole customers, so every feature but the peers' is computed from it alone, by the
same code as on one machine. The peers' counts are a two-step reduction: each partition counts its
own outcomes, the sums go back to all. Every task reads its partition anew and changes nothing, so a
task lost with a worker is simply done again, and its rows are there once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from distributed import Client, Future, KilledWorker
from distributed.client import FutureCancelledError, FuturesCancelledError
from distributed.comm.core import CommClosedError

from eventlog.errors import NotReadyError
from eventlog.known import Ints
from eventlog.log import EventLog
from eventlog.partitions import Partitions, load_partition
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.attributes import Encoding
from features.matrix import Matrix, build_matrix, outcomes_of
from features.peers import PeerRecord, record_of, sum_outcomes
from features.snapshots import Snapshots

Result = TypeVar("Result")


@dataclass(frozen=True)
class PartitionedLog:
    """A log in partitions, as it stood at a moment, and the cluster that works on it.

    Attributes
    ----------
    client : distributed.Client
    partitions : eventlog.partitions.Partitions
    cutoff : int or None
        What is known at it counts; None: everything.
    """

    client: Client
    partitions: Partitions
    cutoff: int | None = None

    def __len__(self) -> int:
        """Number of partitions."""
        return len(self.partitions.parts)

    def load(self, number: int) -> EventLog:
        """One partition as it stood at the cutoff."""
        return _at(load_partition(self.partitions, number), self.cutoff)

    def each(
        self,
        work: Callable[..., Result],
        *lists: Sequence[Any],
        only: Sequence[int] | None = None,
        **same: Any,
    ) -> list[Future[Result]]:
        """Start one task a partition: ``work(log, *items, **same)``; returns their futures.

        Parameters
        ----------
        lists : sequence
            One item a partition: values, or futures of earlier tasks.
        only : sequence of int, optional
            Numbers of the partitions to work on; default all.
        same : Any
            Handed to every task.
        """
        return self.client.map(
            _on_partition,
            range(len(self)) if only is None else only,
            *lists,
            work=work,
            partitions=self.partitions,
            cutoff=self.cutoff,
            same=same,
            pure=False,
        )

    def gather(
        self, work: Callable[..., Result], *lists: Sequence[Any], **same: Any
    ) -> list[Result]:
        """The same, waiting for the results; they come in the order of the partitions."""
        return gathered(self.client, self.each(work, *lists, **same))


def _on_partition(
    number: int,
    *items: Any,
    work: Callable[..., Result],
    partitions: Partitions,
    cutoff: int | None,
    same: dict[str, Any],
) -> Result:
    return work(_at(load_partition(partitions, number), cutoff), *items, **same)


def _at(log: EventLog, cutoff: int | None) -> EventLog:
    return log if cutoff is None else log.upto(cutoff)


def gathered(client: Client, futures: Sequence[Future[Result]]) -> list[Result]:
    """Results of tasks, in their order.

    Raises
    ------
    NotReadyError
        If workers were lost again and again, or the cluster cannot be reached.
    """
    try:
        return list(client.gather(list(futures)))  # type: ignore[no-untyped-call]
    except (KilledWorker, FutureCancelledError, FuturesCancelledError, CommClosedError) as error:
        raise NotReadyError(
            f"The cluster lost its workers: {error}. Look at their logs and memory, and start "
            "again; nothing has been written."
        ) from error


def peer_record_of(log: PartitionedLog, cutoffs: Ints, policy: Policy, rates: Rates) -> PeerRecord:
    """Count the outcomes of all groups up to each cutoff, partition by partition."""
    counted = log.gather(outcomes_of, cutoffs=cutoffs, policy=policy, rates=rates, threads=1)
    return record_of(sum_outcomes(counted), load_partition(log.partitions, 0), cutoffs)


def matrix_of_part(
    log: EventLog,
    snapshots: Snapshots,
    encoding: Encoding,
    record: PeerRecord,
    policy: Policy,
    rates: Rates,
) -> Matrix:
    """Features of the snapshots of one partition, on one core: a worker has one for each task."""
    return build_matrix(log, snapshots, encoding, policy, rates, record=record, threads=1)
