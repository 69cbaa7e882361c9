"""The feature matrix as a Parquet file, for other tools and for matrices larger than memory.

Blocks of customers are looked at, computed and written one after the other: besides the log, only a
few blocks are in memory at any time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from eventlog.blocks import in_parallel
from eventlog.errors import DataError
from eventlog.known import Ints
from eventlog.ledger import keep_ledger
from eventlog.log import EventLog, datetimes
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.as_of import AsOf
from features.attributes import Encoding
from features.blocks import Block, blocks_of
from features.matrix import categories_of, columns_of, features_of, peer_record
from features.peers import PeerRecord
from features.snapshots import NO_SNAPSHOTS, Rhythm, grid, take_snapshots

Progress = Callable[[str, float], None]


def write_matrix(
    log: EventLog,
    path: Path,
    rhythm: Rhythm,
    since: int | None,
    until: int,
    encoding: Encoding,
    policy: Policy,
    rates: Rates,
    *,
    threads: int = 0,
    progress: Progress = lambda _, __: None,
) -> int:
    """Write the features of every snapshot with a cutoff in ``[since, until)``.

    Parameters
    ----------
    path : Path
        Appears when it is complete. Columns: CompanyCode, InvoiceNumber, cutoff, then the features
        as float32, NaN where not known, and categories as dictionaries of their levels.
    rhythm : {'posting', 'weekly', 'monthly'}
    threads : int
        Blocks that are worked on at once; 0 means one a core.
    progress : callable, optional
        Told the stage and the share that is done.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    DataError
        If the file cannot be written.
    """

    def looked_at(block: Block) -> AsOf:
        ledger = keep_ledger(block.log, policy)
        snapshots = take_snapshots(block.log, ledger, rhythm, since, until)
        return AsOf(block.log, ledger, snapshots, policy, rates)

    def cutoffs_of(block: Block) -> Ints:
        return np.unique(looked_at(block).snapshots.cutoff)

    progress("cutoffs", 0.0)
    if rhythm == "posting":
        found = in_parallel(cutoffs_of, blocks_of(log, NO_SNAPSHOTS), threads)
        cutoffs = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *found]))
    else:
        begin = int(log.known_at.min(initial=until)) if since is None else since
        cutoffs = grid(rhythm, begin, until)
    progress("peers", 0.1)
    record = peer_record(log, cutoffs, policy, rates, threads=threads)

    def batch(block: Block) -> tuple[pa.RecordBatch, int]:
        return _batch(looked_at(block), encoding, record), len(block.log)

    unfinished = path.with_name(f".unfinished-{path.name}")
    n_rows = n_events = 0
    try:
        with pq.ParquetWriter(unfinished, _schema(encoding), compression="zstd") as writer:
            for rows, events in in_parallel(batch, blocks_of(log, NO_SNAPSHOTS), threads):
                writer.write_batch(rows)
                n_rows, n_events = n_rows + len(rows), n_events + events
                progress("features", 0.2 + 0.8 * n_events / max(len(log), 1))
        unfinished.replace(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error}. Check the folder.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return n_rows


def _schema(encoding: Encoding) -> pa.Schema:
    texts = pa.dictionary(pa.int32(), pa.string())
    categories = set(categories_of(encoding))
    return pa.schema(
        [
            pa.field("CompanyCode", pa.string()),
            pa.field("InvoiceNumber", pa.string()),
            pa.field("cutoff", pa.timestamp("us", tz="UTC")),
            *(
                pa.field(name, texts if name in categories else pa.float32())
                for name in columns_of(encoding)
            ),
        ]
    )


def _batch(seen: AsOf, encoding: Encoding, record: PeerRecord) -> pa.RecordBatch:
    columns, categories = columns_of(encoding), set(categories_of(encoding))
    keys = seen.log.invoice_keys.iloc[seen.snapshots.invoice]
    cells = [
        pa.array(keys["company"].to_numpy(dtype=object), pa.string()),
        pa.array(keys["invoice"].to_numpy(dtype=object), pa.string()),
        pa.array(datetimes(seen.snapshots.cutoff)).cast(pa.timestamp("us", tz="UTC")),
    ]
    for name, values in zip(columns, features_of(seen, encoding, record), strict=True):
        levels = encoding.levels.get(name, ())
        cells.append(_texts(values, levels) if name in categories else pa.array(values))
    return pa.record_batch(cells, schema=_schema(encoding))


def _texts(codes: NDArray[np.float32], levels: tuple[str, ...]) -> pa.DictionaryArray:
    known = ~np.isnan(codes)
    places = pa.array(np.where(known, codes, 0).astype(np.int32), mask=~known)
    return pa.DictionaryArray.from_arrays(places, pa.array(levels, pa.string()))
