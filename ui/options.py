"""The options that several commands share, and the words that some of them take."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class TableFormat(StrEnum):
    """How tables of Dynamics 365 are written into a folder."""

    parquet = "parquet"
    csv = "csv"


class Rhythm(StrEnum):
    """When invoices are looked at."""

    posting = "posting"
    weekly = "weekly"
    monthly = "monthly"


class TargetName(StrEnum):
    """What is predicted."""

    late_payment = "late_payment"
    still_open = "still_open"
    write_off = "write_off"


class ModelName(StrEnum):
    """Which model: one of the targets', or the payment curve."""

    late_payment = "late_payment"
    still_open = "still_open"
    write_off = "write_off"
    payment_curve = "payment_curve"


class TabName(StrEnum):
    """Which part of the worklist."""

    call = "call"
    hold = "hold"
    all = "all"


LogArgument = Annotated[
    str,
    typer.Argument(
        metavar="LOG",
        help="CSV, Parquet or XLSX file, folder of Parquet files or of partitions, or database "
        "URL.",
    ),
]
MappingOption = Annotated[
    Path | None, typer.Option("--mapping", help="TOML file that says what your names mean.")
]
QueryOption = Annotated[
    str | None, typer.Option("--query", help="SQL query, where LOG is a database URL.")
]
SheetOption = Annotated[str | None, typer.Option("--sheet", help="Sheet of an XLSX file.")]
DelimiterOption = Annotated[
    str | None, typer.Option("--delimiter", help="Of a CSV file; found by default.")
]
DecimalOption = Annotated[
    str | None, typer.Option("--decimal", help="'.' or ','; found by default.")
]
EncodingOption = Annotated[
    str | None, typer.Option("--encoding", help="Of a CSV file; found by default.")
]
DayFirstOption = Annotated[
    bool | None,
    typer.Option("--day-first/--month-first", help="How 01/02/2024 is meant, where unclear."),
]
PolicyOption = Annotated[
    Path | None,
    typer.Option("--policy", help="Policy file; default: policy.toml in DUECAST_HOME."),
]
RatesOption = Annotated[
    Path | None,
    typer.Option("--rates", help="CSV with currency,date,rate to the reporting currency."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]
AttributesOption = Annotated[
    str,
    typer.Option(
        "--attributes",
        help="Additional columns to use, comma-separated; a leading '-' leaves one out.",
    ),
]
OverrideOption = Annotated[
    str,
    typer.Option("--override-leakage", help="Go on despite the leakage linter; say why."),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        help="Work on a Dask cluster: 'local' for a worker process a core of this machine, or "
        "the address of a scheduler, tcp://HOST:PORT.",
    ),
]
ThreadsOption = Annotated[
    int, typer.Option("--threads", min=0, help="Threads for LightGBM; 0 uses every core.")
]
RecipeOption = Annotated[
    Path | None, typer.Option("--recipe", help="Recipe file of `duecast tune`.")
]
RecipesOption = Annotated[
    list[Path] | None,
    typer.Option("--recipe", help="Recipe file of `duecast tune`; give it once a target."),
]
