"""A log on disk in partitions of whole customers, so that a cluster can work on one a task.

Beside the manifest, ``log.json``, each partition has three Parquet files: its events, its invoices
and its customers. Invoices and customers are counted anew from 0 in each partition; activities and
levels are texts in the files and get the codes of the whole log as they are read, so a code means
the same in every partition. Nothing is parsed or judged again: what is read is the log that was
written, bit for bit. The folder appears when everything in it is complete.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import uuid
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from eventlog.errors import DataError, NotFoundError, SettingsError
from eventlog.known import Codes, Ints
from eventlog.log import Column, EventLog
from eventlog.partition_files import (
    CUSTOMERS,
    DTYPES,
    EVENTS,
    INVOICES,
    KEY_DTYPES,
    MANIFEST,
    MONEY_UNIT,
    ColumnKind,
    field_names,
    file_name,
    file_names,
    is_ours,
    keys_frame,
    read_customers,
    read_events,
    read_invoices,
    write_part,
)
from eventlog.summary import (
    TOTALLED,
    ReadSummary,
    activity_counts,
    count_repeats,
    missing_recommended,
    shown_moment,
    totals_of,
    unnamed_customers,
)
from eventlog.template import ATTRIBUTE_NAMED

#: Of the manifest and the files it names.
FORMAT = 1

Progress = Callable[[str, float], None]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Part:
    """One partition.

    Attributes
    ----------
    n_events, n_invoices, n_customers : int
    first_invoice, first_customer : int
        Where its invoices and customers begin among those of the whole log.
    """

    n_events: int
    n_invoices: int
    n_customers: int
    first_invoice: int
    first_customer: int


@dataclass(frozen=True)
class Partitions:
    """A log in partitions: everything about it but its events and keys.

    Attributes
    ----------
    folder : Path
        Absolute, so that it can be handed to other processes.
    name : str
        What the log was read from.
    fingerprint : str
        `EventLog.fingerprint` of the whole log.
    activities : tuple of str
    columns : mapping of str to ColumnKind
        In the log's order.
    ends_at : int
        Up to when the log says what happened, microseconds since 1970 UTC.
    first_known_at : int
        When its first event was known.
    has_customers : bool
    parts : tuple of Part
        In the order of the customers.
    """

    folder: Path
    name: str
    fingerprint: str
    activities: tuple[str, ...]
    columns: Mapping[str, ColumnKind]
    ends_at: int
    first_known_at: int
    has_customers: bool
    parts: tuple[Part, ...]

    @property
    def n_events(self) -> int:
        """Number of events in all partitions."""
        return sum(part.n_events for part in self.parts)

    @property
    def n_invoices(self) -> int:
        """Number of invoices in all partitions."""
        return sum(part.n_invoices for part in self.parts)

    @property
    def n_customers(self) -> int:
        """Number of customers in all partitions."""
        return sum(part.n_customers for part in self.parts)

    @property
    def n_bytes(self) -> int:
        """Bytes that the folder takes on disk."""
        files = file_names(len(self.parts))
        return sum((self.folder / name).stat().st_size for name in (MANIFEST, *files))


def write_partitions(
    log: EventLog,
    folder: str | Path,
    n_parts: int,
    *,
    name: str = "",
    replace: bool = False,
    progress: Progress | None = None,
) -> Partitions:
    """Write a log as partitions of neighbouring customers, with about equally many events.

    A customer is never divided, so one with more events than an even share has a partition for
    itself, and there are no more partitions than customers with events. Memory beyond the log's
    is that of a partition for each core.

    Parameters
    ----------
    log : EventLog
    folder : str or Path
        Made here, inside one that exists. It appears once it is complete: until then everything
        is written to a hidden folder beside it, which is removed if the work fails. (A process
        that is killed outright leaves the hidden folder, ``.NAME.….part``, behind.)
    n_parts : int
    name : str
        What the log was read from, kept for show.
    replace : bool
        Write over a folder of partitions.
    progress : callable, optional
        Called with what is being done and the share done, 0 to 1.

    Returns
    -------
    Partitions

    Raises
    ------
    SettingsError
        If `n_parts` is not at least 1.
    DataError
        If the log is empty; if the folder holds something and `replace` is not set, or holds
        something other than partitions; if it cannot be written.
    """
    if n_parts < 1:
        raise SettingsError(f"A log cannot be in {n_parts} partitions. Ask for 1 or more.")
    if not len(log):
        raise DataError("The log has no events to put into partitions. Choose a later cutoff.")
    shown = Path(folder).absolute()
    place = shown.resolve()
    refuse_folder(place, replace)
    tell = progress or _silent
    tell("fingerprint", 0.0)
    fingerprint = log.fingerprint  # before several threads ask for it
    begins = _first_customers(np.bincount(log.customer, minlength=log.n_customers), n_parts)
    bounds = list(pairwise(begins.tolist()))
    levels = {
        column: pa.array(held.levels, pa.large_string())
        for column, held in log.columns.items()
        if held.kind == "level"
    }
    made = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}.part")

    def write(number: int) -> Part:
        first, last = bounds[number]
        own = log.of_customers(first, last)
        write_part(own, fingerprint, levels, made, number)
        return Part(
            n_events=len(own),
            n_invoices=own.n_invoices,
            n_customers=own.n_customers,
            first_invoice=int(np.searchsorted(log.invoice_customer, first)),
            first_customer=first,
        )

    try:
        made.mkdir()
        try:
            parts = []
            with closing(_on_all_cores(write, len(bounds))) as written:
                for part in written:
                    parts.append(part)
                    tell(f"partition {len(parts)} of {len(bounds)}", len(parts) / len(bounds))
            partitions = Partitions(
                folder=shown,
                name=name,
                fingerprint=fingerprint,
                activities=log.activities,
                columns={
                    column: ColumnKind(held.kind, tuple(held.levels))
                    for column, held in log.columns.items()
                },
                ends_at=int(log.ends_at),
                first_known_at=int(log.known_at.min()),
                has_customers=log.has_customers,
                parts=tuple(parts),
            )
            (made / MANIFEST).write_text(_manifest(partitions), encoding="utf-8")
            _put_in_place(made, place)
        finally:
            shutil.rmtree(made, ignore_errors=True)  # nothing is there once it is in place
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{shown} cannot be written: {error}. Check the folder.") from error
    return partitions


def is_partitioned(path: str | Path) -> bool:
    """Whether a path is a folder that `write_partitions` made, be it complete or not."""
    path = Path(path)
    if (path / MANIFEST).is_file():
        return True
    return all((path / file_name(what, 0)).is_file() for what in (EVENTS, INVOICES, CUSTOMERS))


def refuse_folder(folder: str | Path, replace: bool = False) -> None:
    """Refuse to write partitions over what must be kept; see `write_partitions`.

    Raises
    ------
    DataError
        If the folder exists with something in it and `replace` is not set, or with something
        other than partitions; if there is no folder to make it in.
    """
    place = Path(folder).resolve()
    if not place.parent.is_dir():
        raise DataError(f"There is no folder {place.parent}. Make it first.")
    if not place.exists():
        return
    if not place.is_dir():
        raise DataError(f"{place} is a file. Name a folder for the partitions.")
    held = sorted(entry.name for entry in place.iterdir())
    if not held:
        return
    strange = [name for name in held if not is_ours(name)]
    if strange or not is_partitioned(place):
        raise DataError(
            f"{place} holds what is no partition, such as {(strange or held)[0]}. Name another "
            "folder."
        )
    if not replace:
        raise DataError(
            f"{place} holds partitions already. Name another folder, or replace them with "
            "--overwrite."
        )


def open_partitions(folder: str | Path) -> Partitions:
    """Read what a folder of partitions says of itself, and see that its files are there.

    Raises
    ------
    NotFoundError
        If there is no such folder.
    DataError
        If the manifest is missing, damaged or of a format that this version does not know, or a
        partition's file is missing.
    """
    folder = Path(folder).absolute()
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder at {folder}. Check the path.")
    partitions = _read_manifest(folder)
    present = {entry.name for entry in os.scandir(folder)}
    missing = [name for name in file_names(len(partitions.parts)) if name not in present]
    if missing:
        raise DataError(
            f"{folder} lacks {len(missing):,} of its files, the first being {missing[0]}. Copy the "
            "whole folder, or make it again with duecast partition."
        )
    return partitions


def load_partition(partitions: Partitions, number: int) -> EventLog:
    """Read one partition as a log of its own.

    Parameters
    ----------
    partitions : Partitions
    number : int
        From 0.

    Returns
    -------
    EventLog
        Equal to `EventLog.of_customers` of the whole log: invoices and customers counted from 0,
        everything else coded as in the whole.

    Raises
    ------
    NotFoundError
        If there is no partition of that number, or a file of it is missing.
    DataError
        If a file is damaged, or not what the manifest says.
    """
    log, invoice_keys, customer_keys = _load(partitions, number)
    return _with_keys(log, invoice_keys, customer_keys)


def read_whole(partitions: Partitions, progress: Progress | None = None) -> EventLog:
    """Read all partitions as the one log that was written.

    Raises
    ------
    NotFoundError, DataError
        As `load_partition`; and if together they are not the log of the manifest's fingerprint.
    """
    n = partitions.n_events
    whole = {name: np.empty(n, dtype=dtype) for name, dtype in KEY_DTYPES.items()}
    columns = {
        name: np.empty(n, dtype=DTYPES[held.kind]) for name, held in partitions.columns.items()
    }
    invoice_customer = np.empty(partitions.n_invoices, dtype=np.int32)
    begins = [0, *accumulate(part.n_events for part in partitions.parts)]

    def load(number: int) -> tuple[pa.Table, pa.Table]:
        part = partitions.parts[number]
        log, invoice_keys, customer_keys = _load(partitions, number)
        rows = slice(begins[number], begins[number + 1])
        for name, values in whole.items():
            values[rows] = getattr(log, name)
        whole["invoice"][rows][log.invoice >= 0] += np.int32(part.first_invoice)
        whole["customer"][rows] += np.int32(part.first_customer)
        for name, values in columns.items():
            values[rows] = log.columns[name].values
        own = slice(part.first_invoice, part.first_invoice + part.n_invoices)
        invoice_customer[own] = log.invoice_customer + np.int32(part.first_customer)
        return invoice_keys, customer_keys

    keys = []
    tell, n_parts = progress or _silent, len(partitions.parts)
    with closing(_on_all_cores(load, n_parts)) as loaded:
        for found in loaded:
            keys.append(found)
            tell(f"partition {len(keys)} of {n_parts}", len(keys) / n_parts)
    log = _log_of(partitions, whole, columns, invoice_customer)
    log = _with_keys(log, *(pa.concat_tables(tables) for tables in zip(*keys, strict=True)))
    if log.fingerprint != partitions.fingerprint:
        raise DataError(
            f"The partitions in {partitions.folder} are not the log that {MANIFEST} names: "
            f"together they are {log.fingerprint}, not {partitions.fingerprint}. Make them again "
            "with duecast partition."
        )
    return log


def summary_of(partitions: Partitions, log: EventLog) -> ReadSummary:
    """What a log read from partitions holds; rows were set aside, if any, when it was written.

    Parameters
    ----------
    partitions : Partitions
    log : EventLog
        From `read_whole`.
    """
    nothing = np.zeros(len(log), dtype=bool)
    known, unknown = activity_counts(log)
    implied = {
        "InvoiceNumber": True,
        "ActivityName": True,
        "EventTime": True,
        "RecordedTime": bool((log.known_at > log.event_time).any()),
        "CompanyCode": bool((log.customer_keys["company"] != "").any()),
        "CustomerAccount": log.has_customers,
    }
    stated = [name for name, holds in implied.items() if holds]
    stated += [name for name in log.columns if name in ATTRIBUTE_NAMED]
    money = {name: (log.money(name), nothing) for name in TOTALLED if name in log.columns}
    origin = f", written from {partitions.name}" if partitions.name else ""
    return ReadSummary(
        source=partitions.folder.name,
        rows_read=len(log),
        rows_kept=len(log),
        rows_quarantined=0,
        rows_calculated=0,
        quarantine=pd.DataFrame(
            {"line": np.empty(0, dtype=np.int64), "reason": pd.Series(dtype="str")}
        ),
        events=len(log),
        invoices=log.n_invoices,
        customers=int((~unnamed_customers(log)).sum()),
        companies=log.customer_keys["company"].nunique(),
        period=(shown_moment(int(log.event_time.min())), shown_moment(int(log.event_time.max()))),
        log_end=shown_moment(log.ends_at),
        template_activities=known,
        unknown_activities=unknown,
        template_columns=tuple(stated),
        additional_columns={
            name: column.kind for name, column in log.columns.items() if name not in ATTRIBUTE_NAMED
        },
        missing_recommended=missing_recommended(stated),
        repeats=count_repeats(log),
        totals=totals_of(
            money, log.columns.get("CurrencyCode"), aside=nothing, calculated=nothing, log=log
        ),
        notes=(
            f"A log in {len(partitions.parts):,} partitions{origin}: rows were checked, and set "
            "aside where need be, when the partitions were made.",
        ),
    )


def _silent(what: str, done: float) -> None:
    """Tell nobody."""


def _on_all_cores(work: Callable[[int], Result], number: int) -> Generator[Result, None, None]:
    """Results of ``work(0)``, ``work(1)``, … in order; nothing new is begun once one fails."""
    threads = min(os.cpu_count() or 1, number)
    pool = ThreadPoolExecutor(threads)
    try:
        yield from pool.map(work, range(number))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _put_in_place(made: Path, place: Path) -> None:
    """Give the complete folder its name; what was there before goes once that has worked."""
    if not place.exists():
        made.rename(place)
    elif not any(place.iterdir()):
        place.rmdir()
        made.rename(place)
    else:
        before = made.with_suffix(".old")
        place.rename(before)
        try:
            made.rename(place)
        except BaseException:
            before.rename(place)
            raise
        shutil.rmtree(before, ignore_errors=True)


# Where partitions begin


def _first_customers(events: Ints, n_parts: int) -> Ints:
    """First customer of each partition, and the number of customers.

    Partition by partition takes its even share of the events that are left, to the customer
    nearest to it; a customer that is more than the share does not join others.

    Parameters
    ----------
    events : ndarray of int64, shape (n_customers,)
        How many each customer has.
    """
    busy = np.flatnonzero(events)
    upto = np.concatenate([[0], np.cumsum(events[busy])])
    n_parts = min(n_parts, len(busy))
    begins = [0]
    for left in range(n_parts, 1, -1):
        begin = begins[-1]
        share = (upto[-1] - upto[begin]) / left
        aim = upto[begin] + share
        end = int(np.searchsorted(upto, aim, side="right"))
        if end > begin + 1 and aim - upto[end - 1] <= upto[end] - aim:
            end -= 1
        if end > begin + 1 and upto[end] - upto[end - 1] > share:
            end -= 1
        begins.append(min(end, len(busy) - (left - 1)))
    return np.array([0, *busy[begins[1:]], len(events)], dtype=np.int64)


# The manifest


def _manifest(partitions: Partitions) -> str:
    fields = field_names(partitions.columns)
    columns = [
        {
            "name": name,
            "field": fields[name],
            "kind": held.kind,
            **({"unit": MONEY_UNIT} if held.kind == "money" else {}),
            **({"levels": held.levels} if held.kind == "level" else {}),
        }
        for name, held in partitions.columns.items()
    ]
    stated = {
        "format": FORMAT,
        "name": partitions.name,
        "fingerprint": partitions.fingerprint,
        "ends_at": partitions.ends_at,
        "first_known_at": partitions.first_known_at,
        "has_customers": partitions.has_customers,
        "n_events": partitions.n_events,
        "n_invoices": partitions.n_invoices,
        "n_customers": partitions.n_customers,
        "parts": [dataclasses.asdict(part) for part in partitions.parts],
        "activities": partitions.activities,
        "columns": columns,
    }
    return json.dumps(stated, ensure_ascii=False, indent=1) + "\n"


def _read_manifest(folder: Path) -> Partitions:
    path = folder / MANIFEST
    if not path.is_file():
        raise DataError(
            f"{folder} has no {MANIFEST}, so it is no complete folder of partitions. Make it with "
            "duecast partition."
        )
    try:
        stated = json.loads(path.read_bytes())
        found = stated["format"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{path} is no manifest of partitions, or damaged: {error!r}. Make the folder again "
            "with duecast partition."
        ) from error
    if found != FORMAT:
        raise DataError(
            f"{path} is of format {found!r}; this version of duecast reads format {FORMAT}. Make "
            "the folder again with duecast partition."
        )
    try:
        return Partitions(
            folder=folder,
            name=str(stated["name"]),
            fingerprint=str(stated["fingerprint"]),
            activities=tuple(stated["activities"]),
            columns={column["name"]: _column_kind(column) for column in stated["columns"]},
            ends_at=int(stated["ends_at"]),
            first_known_at=int(stated["first_known_at"]),
            has_customers=bool(stated["has_customers"]),
            parts=tuple(Part(**{k: int(v) for k, v in part.items()}) for part in stated["parts"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(
            f"{path} is damaged: {error!r}. Make the folder again with duecast partition."
        ) from error


def _column_kind(stated: Mapping[str, Any]) -> ColumnKind:
    if stated["kind"] not in DTYPES:
        raise ValueError(f"no column is of kind {stated['kind']!r}")
    return ColumnKind(stated["kind"], tuple(stated.get("levels", ())))


# Reading


def _load(partitions: Partitions, number: int) -> tuple[EventLog, pa.Table, pa.Table]:
    """A partition without the names of its invoices and customers, and these as Arrow tables."""
    if not 0 <= number < len(partitions.parts):
        raise NotFoundError(
            f"There is no partition {number} in {partitions.folder}. Use 0 to "
            f"{len(partitions.parts) - 1}."
        )
    part, mark, folder = partitions.parts[number], partitions.fingerprint, partitions.folder
    keys, columns = read_events(
        folder / file_name(EVENTS, number),
        part.n_events,
        partitions.activities,
        partitions.columns,
        mark,
    )
    invoices, owner = read_invoices(folder / file_name(INVOICES, number), part.n_invoices, mark)
    customers = read_customers(folder / file_name(CUSTOMERS, number), part.n_customers, mark)
    return _log_of(partitions, keys, columns, owner), invoices, customers


def _log_of(
    partitions: Partitions,
    keys: Mapping[str, NDArray[Any]],
    columns: Mapping[str, NDArray[Any]],
    invoice_customer: Codes,
) -> EventLog:
    """A log of arrays, without the names of its invoices and customers."""
    for values in (*keys.values(), invoice_customer):
        values.setflags(write=False)
    return EventLog(
        **keys,
        columns={
            name: Column(held.kind, columns[name], held.levels)
            for name, held in partitions.columns.items()
        },
        activities=partitions.activities,
        invoice_keys=pd.DataFrame(),
        invoice_customer=invoice_customer,
        customer_keys=pd.DataFrame(),
        ends_at=partitions.ends_at,
        has_customers=partitions.has_customers,
    )


def _with_keys(log: EventLog, invoice_keys: pa.Table, customer_keys: pa.Table) -> EventLog:
    return dataclasses.replace(
        log,
        invoice_keys=keys_frame(invoice_keys),
        customer_keys=keys_frame(customer_keys),
    )
