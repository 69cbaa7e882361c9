"""What every command does first: read settings, policy, rates and the log, and say it plainly."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from eventlog.errors import DataError, SettingsError
from eventlog.log import EventLog, micros
from eventlog.policy import Policy, read_policy
from eventlog.rates import Rates, rates_for, read_rates
from serving.settings import Settings
from ui.progress import stages

#: Piped output is given room; a terminal keeps its own width.
out = Console(width=None if sys.stdout.isatty() else 120)


def settings_now() -> Settings:
    """Settings from the environment."""
    return Settings.from_env(os.environ)


def policy_now(settings: Settings, path: Path | None, **changes: Any) -> Policy:
    """The policy file's values with what the command line changes."""
    return read_policy(path or settings.policy_path).changed(**changes)


def read(
    source: str,
    mapping: Path | None = None,
    query: str | None = None,
    sheet: str | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    day_first: bool | None = None,
    quiet: bool = False,
    today: int | None = None,
) -> tuple[EventLog, Any]:
    """Read a log with a progress bar; with `today`, in microseconds, look for mistakes too."""
    from eventlog.mapping import read_mapping
    from eventlog.partitions import is_partitioned
    from eventlog.reader import read_log

    if "://" not in source and is_partitioned(source):
        options = {
            "--mapping": mapping,
            "--query": query,
            "--sheet": sheet,
            "--delimiter": delimiter,
            "--decimal": decimal,
            "--encoding": encoding,
            "--day-first": day_first,
        }
        return read_partitions(
            source, [name for name in options if options[name] is not None], quiet
        )
    names = read_mapping(mapping) if mapping else None
    with stages("Reading", quiet=quiet) as say:
        return read_log(
            source,
            mapping=names,
            query=query,
            sheet=sheet,
            delimiter=delimiter,
            decimal=decimal,
            encoding=encoding,
            day_first=day_first,
            inspect=today is not None,
            today=today,
            progress=lambda stage, done: say(stage, done),
        )


def read_partitions(folder: str, options: list[str], quiet: bool) -> tuple[EventLog, Any]:
    """Read a folder of partitions as one log, with a progress bar.

    Raises
    ------
    SettingsError
        If options are stated that say how a file is to be understood.
    """
    from eventlog.partitions import open_partitions, read_whole, summary_of

    if options:
        raise SettingsError(
            f"{', '.join(options)} cannot apply to {folder}: a log in partitions is not parsed "
            f"again. Leave {', '.join(options)} out."
        )
    with stages("Reading", quiet=quiet) as say:
        partitions = open_partitions(folder)
        log = read_whole(partitions, progress=say)
        return log, summary_of(partitions, log)


def name_of(source: str) -> str:
    """LOG as it goes on record: a database's URL may hold a password."""
    return "database query" if "://" in source else Path(source).name


@contextmanager
def opened(
    source: str, scheduler: str | None, read_log: Callable[[], EventLog]
) -> Iterator[tuple[Any, EventLog]]:
    """A log to work on, in memory or on a cluster, and a log with its levels for the rate table."""
    if scheduler is None:
        log = read_log()
        yield log, log
        return
    from eventlog.partitions import load_partition

    try:
        from ui.cluster import partitioned_log
    except ImportError as error:
        raise SettingsError(
            f"--scheduler needs Dask, which is not installed ({error}). Install it with "
            "`pip install 'duecast[cluster]'`."
        ) from error
    with partitioned_log(scheduler, source, read_log) as on_cluster:
        yield on_cluster, load_partition(on_cluster.partitions, 0)


def learned_from(log: Any) -> Any:
    """What models learn from: a log in memory, or a log in partitions as a source of rows."""
    if isinstance(log, EventLog):
        return log
    from training.cluster import OnCluster

    return OnCluster(log)


def scoring_job(log: Any) -> Callable[..., Any]:
    """What makes a scoring run of a log in memory, or of one in partitions."""
    if isinstance(log, EventLog):
        from serving.run import make_run

        return make_run
    from serving.cluster import make_run_on_cluster

    return make_run_on_cluster


def rates_now(log: EventLog, path: Path | None, policy: Policy) -> Rates:
    """The rate table, or what a log in one currency needs: none."""
    if path is None:
        return rates_for(log, None)
    if not policy.reporting_currency:
        raise SettingsError(
            "A rate table needs to know what it converts to. Set reporting_currency in the policy "
            'file, for example reporting_currency = "EUR".'
        )
    return read_rates(path, policy.reporting_currency)


def moment_of(text: str, option: str) -> int:
    """A date or time given on the command line, in microseconds; "now" and the like are none.

    Raises
    ------
    SettingsError
        If it cannot be read.
    """
    try:
        if not text[:4].isdigit():
            raise ValueError(text)
        return micros(pd.Timestamp(text))
    except ValueError as error:
        raise SettingsError(
            f"{option} is '{text}', which is no date. Write it like 2024-05-31."
        ) from error


def refuse_existing(path: Path | None, overwrite: bool) -> None:
    """Refuse to write over a file unless asked to.

    Raises
    ------
    DataError
        If the file exists, or its folder does not.
    """
    if path is None:
        return
    if path.exists() and not overwrite:
        raise DataError(f"{path} exists. Add --overwrite to replace it.")
    if not path.absolute().parent.is_dir():
        raise DataError(f"There is no folder {path.absolute().parent}. Make it first.")


def chosen_attributes(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns named and columns left out, from ``--attributes A,-B``."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    only = tuple(name for name in names if not name.startswith("-"))
    return only, tuple(name[1:] for name in names if name.startswith("-"))


def print_json(found: Any) -> None:
    """One JSON object on standard output; what is not a number becomes null."""
    sys.stdout.write(json.dumps(_plain(found), ensure_ascii=False, indent=1, default=str) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and value != value:
        return None
    return value
