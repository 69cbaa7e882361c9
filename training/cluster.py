"""Training on a Dask cluster: rows stay in partitions, LightGBM's own Dask estimator fits them.

Everything that is chosen (levels, rounds, calibrator) is chosen as on one machine: the levels from
counts of all partitions, rounds and calibrator on the rows of as many whole customers as the client
holds easily. The boosters are fitted to the rows of all.
"""

from __future__ import annotations

import gc
import logging
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import dask.array as da
import lightgbm as lgb
import numpy as np
from dask.delayed import delayed
from distributed import Client, Future, KilledWorker
from distributed.client import FutureCancelledError, FuturesCancelledError
from numpy.typing import NDArray

from eventlog.errors import NotReadyError
from eventlog.known import Codes, Ints
from eventlog.log import EventLog
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.attributes import Encoding, add_stated, count_stated, encoding_of
from features.matrix import Matrix, columns_of
from features.partitions import PartitionedLog, gathered, matrix_of_part, peer_record_of
from features.peers import PeerRecord
from features.snapshots import Rhythm, Snapshots
from training.examples import Examples, Floats, InMemory, Labelled, cases_of, take_labelled
from training.labels import Target
from training.model import PARAMETERS, plain_names, smallest_leaf

log_ = logging.getLogger(__name__)

#: Rows that the client takes to itself, about, for choosing, testing and looking for leaks.
ROWS_AT_HAND = 2_000_000
#: How often a fit is begun anew after a worker was lost in it.
ATTEMPTS = 4
#: What a fit ends in when a worker dies in it: sockets that break, tasks that are given up, and,
#: where LightGBM is still looking for who holds which part, parts that nobody holds.
_LOST = (
    lgb.basic.LightGBMError,
    KilledWorker,
    FutureCancelledError,
    FuturesCancelledError,
    OSError,
    StopIteration,
    AttributeError,
)
#: Minutes that a worker waits for another in a fit.
_PATIENCE = 2


@dataclass(frozen=True)
class OnCluster:
    """A log in partitions as a source of examples; see `training.examples.Source`."""

    log: PartitionedLog

    @property
    def ends_at(self) -> int:  # noqa: D102 - as in Source
        ends_at, cutoff = self.log.partitions.ends_at, self.log.cutoff
        return ends_at if cutoff is None else min(ends_at, cutoff)

    @property
    def has_customers(self) -> bool:  # noqa: D102
        return self.log.partitions.has_customers

    def before(self, moment: int) -> OnCluster:  # noqa: D102
        cutoff = moment - 1 if self.log.cutoff is None else min(moment - 1, self.log.cutoff)
        return OnCluster(replace(self.log, cutoff=cutoff))

    def encoding(self, only: Iterable[str], without: Iterable[str]) -> Encoding:  # noqa: D102
        return encoding_of(add_stated(self.log.gather(count_stated)), only=only, without=without)

    def count(self, rhythm: Rhythm, until: int, policy: Policy) -> int:  # noqa: D102
        return sum(self.log.gather(_n_snapshots, rhythm=rhythm, until=until, policy=policy))

    def outcomes(  # noqa: D102
        self, target: Target, rhythm: Rhythm, until: int, policy: Policy
    ) -> tuple[Ints, Floats, Ints]:
        asked: dict[str, Any] = {"target": target, "rhythm": rhythm, "until": until}
        found = self.log.gather(_outcomes, policy=policy, **asked)
        cutoff, y, invoice = zip(*found, strict=True)
        first = np.cumsum([0, *(part.max(initial=-1) + 1 for part in invoice[:-1])])
        told_apart = [part + begin for part, begin in zip(invoice, first, strict=True)]
        return np.concatenate(cutoff), np.concatenate(y), np.concatenate(told_apart)

    def examples(  # noqa: D102
        self,
        target: Target,
        rhythm: Rhythm,
        since: int | None,
        until: int,
        encoding: Encoding,
        policy: Policy,
        rates: Rates,
    ) -> Examples:
        log = self.log
        asked: dict[str, Any] = {
            "target": target,
            "rhythm": rhythm,
            "since": since,
            "until": until,
        }
        labelled = log.each(take_labelled, policy=policy, **asked)
        found = gathered(log.client, log.client.map(_counted, labelled))
        cutoffs = np.unique(np.concatenate([part.cutoffs for part in found]))
        record = peer_record_of(log, cutoffs, policy, rates)
        terms: dict[str, Any] = {
            "encoding": encoding,
            "record": record,
            "policy": policy,
            "rates": rates,
        }
        rows = log.each(_rows_of, labelled, log.partitions.parts, **terms)
        whole = RowsOnCluster(log.client, rows, found, encoding)
        return replace(
            _at_hand(log.client, rows, [part.n_rows for part in found], encoding),
            n_credited=sum(part.n_credited for part in found),
            n_unknown=sum(part.n_unknown for part in found),
            whole=whole,
        )

    def facts(self) -> dict[str, Any]:  # noqa: D102
        partitions, cutoff = self.log.partitions, self.log.cutoff
        cut = "" if cutoff is None or cutoff >= partitions.ends_at else f"@{cutoff}"
        return {
            "log_fingerprint": partitions.fingerprint + cut,  # of the whole, and where it was cut
            "log_events": partitions.n_events,
            "log_invoices": partitions.n_invoices,
            "log_partitions": len(partitions.parts),
        }


@dataclass(frozen=True)
class _Counted:
    """How many labelled rows a partition has."""

    n_rows: int
    n_positives: int
    n_invoices: int
    cases: tuple[int, int]
    n_credited: int
    n_unknown: int
    cutoffs: Ints


def _counted(found: Labelled) -> _Counted:
    snapshots = found.snapshots
    return _Counted(
        len(found.y),
        int(found.y.sum()),
        len(np.unique(snapshots.invoice)),
        cases_of(found.y, snapshots.invoice),
        found.n_credited,
        found.n_unknown,
        np.unique(snapshots.cutoff),
    )


def _n_snapshots(log: EventLog, rhythm: Rhythm, until: int, policy: Policy) -> int:
    return InMemory(log).count(rhythm, until, policy)


def _outcomes(log: EventLog, **asked: Any) -> tuple[Ints, Floats, Ints]:
    return InMemory(log).outcomes(**asked)


def _rows_of(
    log: EventLog,
    found: Labelled,
    part: Any,
    encoding: Encoding,
    record: PeerRecord,
    policy: Policy,
    rates: Rates,
) -> Examples:
    """Features and labels of one partition; invoices and customers numbered as in the whole."""
    matrix = matrix_of_part(log, found.snapshots, encoding, record, policy, rates)
    invoice = found.snapshots.invoice
    customer = log.invoice_customer[invoice] + np.int32(part.first_customer)
    numbered = Snapshots(invoice + np.int32(part.first_invoice), found.snapshots.cutoff)
    return Examples(
        matrix=replace(matrix, snapshots=numbered),
        y=found.y,
        window_end=found.window_end,
        balance=np.nan_to_num(matrix["balance"].astype(np.float64)),
        customer=customer if log.has_customers else numbered.invoice,
    )


def _at_hand(
    client: Client, rows: list[Future[Examples]], n_rows: list[int], encoding: Encoding
) -> Examples:
    """Rows of as many partitions, spread over all, as the client holds; in the order of cutoffs."""
    filled = [i for i, n in enumerate(n_rows) if n] or [0]
    n_parts = max(int(len(filled) * min(1.0, ROWS_AT_HAND / max(sum(n_rows), 1))), 1)
    spread = (np.arange(n_parts) + 0.5) * len(filled) / n_parts
    chosen = [filled[int(i)] for i in spread]
    parts = gathered(client, [rows[i] for i in chosen])
    first = parts[0].matrix
    snapshots = Snapshots(
        np.concatenate([part.matrix.snapshots.invoice for part in parts]),
        np.concatenate([part.matrix.snapshots.cutoff for part in parts]),
    )
    order = np.lexsort((snapshots.invoice, snapshots.cutoff))
    values = np.empty((len(order), len(columns_of(encoding))), dtype=np.float32)
    place = np.argsort(order)
    begin = 0
    for part in parts:
        values[place[begin : begin + len(part.y)]] = part.matrix.values
        begin += len(part.y)
    return Examples(
        matrix=Matrix(first.columns, values, first.categories, snapshots.take(order)),
        y=np.concatenate([part.y for part in parts])[order],
        window_end=np.concatenate([part.window_end for part in parts])[order],
        balance=np.concatenate([part.balance for part in parts])[order],
        customer=np.concatenate([part.customer for part in parts])[order],
    )


@dataclass(frozen=True)
class RowsOnCluster:
    """All rows of a training in their partitions; see `training.examples.Whole`."""

    client: Client
    rows: list[Future[Examples]]
    counted: list[_Counted]
    encoding: Encoding

    @property
    def n_rows(self) -> int:  # noqa: D102 - as in Whole
        return sum(part.n_rows for part in self.counted)

    @property
    def n_positives(self) -> int:  # noqa: D102
        return sum(part.n_positives for part in self.counted)

    @property
    def cases(self) -> tuple[int, int]:  # noqa: D102
        positive, negative = zip(*(part.cases for part in self.counted), strict=True)
        return sum(positive), sum(negative)

    @property
    def customers(self) -> Codes:  # noqa: D102
        return np.concatenate(gathered(self.client, self.client.map(_customers_of, self.rows)))

    def fit(  # noqa: D102
        self, sets: tuple[str, ...], rounds: int, changes: dict[str, Any], seed: int
    ) -> lgb.Booster:
        n_invoices = sum(part.n_invoices for part in self.counted)
        parameters = PARAMETERS | changes | {"seed": seed, "time_out": _PATIENCE}
        parameters["min_data_in_leaf"] = smallest_leaf(parameters, self.n_rows, n_invoices)
        lost = ""
        for attempt in range(1, ATTEMPTS + 1):
            workers = self._workers()
            try:
                with warnings.catch_warnings():
                    warnings.filterwarnings("ignore", "Parameter n_jobs will be ignored")
                    return self._fit_once(sets, rounds, parameters)
            except _LOST as error:
                failed = error.with_traceback(None)  # whose frames would hold the failed tasks
            time.sleep(2)  # until the scheduler has noticed who is gone
            if workers <= self._workers():
                raise failed  # nobody was lost: another attempt would end the same
            self._settle()
            lost = str(failed)
            log_.warning("Fit %d of %d lost a worker: %s", attempt, ATTEMPTS, lost)
        raise NotReadyError(
            f"A fit on the cluster failed {ATTEMPTS} times in a row, the last time with: {lost}. "
            "Look at the workers' logs and memory, and train again; nothing has been registered."
        )

    def _workers(self) -> set[str]:
        """Addresses of the workers; waits a minute for the first."""
        try:
            self.client.wait_for_workers(1, timeout=60)
        except TimeoutError as error:
            raise NotReadyError(
                "The cluster has no workers left. Start some and train again; nothing has been "
                "registered."
            ) from error
        return set(self.client.scheduler_info()["workers"])

    def _settle(self) -> None:
        """Begin with fresh worker processes; the rows they held are made again.

        A booster of a failed fit that lives on closes its process's sockets when it is collected,
        and by then they may be those of the next fit.
        """
        gc.collect()  # frames of the error hold the futures of the failed fit
        self.client.restart_workers(sorted(self._workers()), timeout=120, raise_for_error=False)

    def _fit_once(
        self, sets: tuple[str, ...], rounds: int, parameters: dict[str, Any]
    ) -> lgb.Booster:
        columns = columns_of(self.encoding)
        estimator = lgb.DaskLGBMRegressor(client=self.client, n_estimators=rounds, **parameters)
        estimator.fit(
            *self._arrays(len(columns)),
            feature_name=plain_names(columns),
            categorical_feature=[columns.index(name) for name in sets],
        )
        return estimator.booster_

    def _arrays(self, n_columns: int) -> tuple[da.Array, da.Array]:
        """Features and labels as Dask arrays, one chunk a partition that has rows."""
        values, labels = [], []
        for rows, part in zip(self.rows, self.counted, strict=True):
            if part.n_rows:
                shape = (part.n_rows, n_columns)
                values.append(da.from_delayed(_VALUES(rows), shape, dtype=np.float32))
                labels.append(da.from_delayed(_LABELS(rows), shape[:1], dtype=np.float64))
        return da.concatenate(values), da.concatenate(labels)


def _customers_of(rows: Examples) -> Codes:
    return np.unique(rows.customer)


def _values_of(rows: Examples) -> NDArray[np.float32]:
    return rows.matrix.values


def _labels_of(rows: Examples) -> NDArray[np.float64]:
    return rows.y


_VALUES, _LABELS = delayed(_values_of), delayed(_labels_of)
