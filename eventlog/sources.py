"""Which reader a file name or a database URL calls for, and whether the file is what it says."""

from __future__ import annotations

from pathlib import Path

from eventlog.delimited import read_delimited
from eventlog.errors import DataError, NotFoundError, RefusedError, SettingsError
from eventlog.mapping import KNOWN_COLUMNS, Mapping, folded
from eventlog.raw import Raw
from eventlog.tables import read_database, read_parquet
from eventlog.workbook.sheets import read_sheet

_KINDS = {
    ".csv": "CSV",
    ".tsv": "CSV",
    ".txt": "CSV",
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".xlsx": "Excel",
    ".xlsm": "Excel",
}
_OLD = "old Excel (.xls)"
#: Name of the stream in which a protected workbook lies.
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
#: First bytes of files, and what they then are.
_MAGIC = (
    (b"PAR1", "Parquet"),
    (b"PK\x03\x04", "Excel"),
    (b"\x1f\x8b", "gzip"),
    (b"\xd0\xcf\x11\xe0", _OLD),
    (b"SQLite format 3", "SQLite"),
    (b"%PDF", "PDF"),
)


def open_source(
    source: str | Path,
    mapping: Mapping,
    *,
    delimiter: str | None,
    encoding: str | None,
    sheet: str | None,
    query: str | None,
) -> Raw:
    """Read a source into named columns of text or typed cells.

    Parameters
    ----------
    source : str or Path
        A file, a folder of Parquet files, or a database URL.
    mapping : Mapping
        Its format holds where an argument is None.
    delimiter, encoding, sheet, query : str or None
        As in `eventlog.reader.read_log`.

    Returns
    -------
    Raw

    Raises
    ------
    NotFoundError
        If there is no such file.
    DataError
        If the file is empty, damaged, of an unknown kind or not what its name says.
    SettingsError
        If an option is stated that does not apply to the source, or a database lacks its query.
    """
    is_database = "://" in str(source)
    if is_database:
        _refuse({"delimiter": delimiter, "encoding": encoding, "sheet": sheet}, "a database")
        return read_database(str(source), query)
    path = Path(source)
    if not path.exists():
        raise NotFoundError(f"There is no file at {path}. Check the path.")
    kind = "Parquet" if path.is_dir() else _kind_of(path)
    _refuse({"query": query}, "a file")
    if kind == "CSV":
        _refuse({"sheet": sheet}, "a CSV file")
        known = KNOWN_COLUMNS | {folded(column) for column in mapping.columns.values()}
        return read_delimited(
            path,
            delimiter=delimiter or mapping.delimiter,
            encoding=encoding or mapping.encoding,
            known=known,
        )
    if kind == "Parquet":
        _refuse({"delimiter": delimiter, "encoding": encoding, "sheet": sheet}, "a Parquet file")
        return read_parquet(path)
    _refuse({"delimiter": delimiter, "encoding": encoding}, "an Excel file")
    return read_sheet(path, sheet or mapping.sheet, mapping)


def _kind_of(path: Path) -> str:
    """Kind of a file by its name, if its first bytes agree."""
    packed = path.suffix.lower() == ".gz"
    suffix = Path(path.stem).suffix.lower() if packed else path.suffix.lower()
    kind = _KINDS.get(suffix, "")
    if not kind or (packed and kind != "CSV"):
        raise DataError(f"{path.name} is of an unknown kind. Use .csv, .csv.gz, .parquet or .xlsx.")
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise DataError(f"{path.name} cannot be opened: {error.strerror}. Check it.") from error
    if not head:
        raise DataError(f"{path.name} is empty. Export it again.")
    held = next((name for magic, name in _MAGIC if head.startswith(magic)), "text")
    wanted = "gzip" if packed else {"CSV": "text"}.get(kind, kind)
    if held != wanted and kind == "Excel":
        raise _no_workbook(path, held)
    if held != wanted:
        raise DataError(
            f"{path.name} is named as {wanted} but holds {held}. Name it by what it "
            "holds, or export it again."
        )
    return kind


def _no_workbook(path: Path, held: str) -> RefusedError:
    """Why a file called .xlsx is none."""
    told = f"{path.name} is named as Excel but holds {held}."
    if held != _OLD:
        return RefusedError(f"{told} Name it by what it holds, or export it again.", "not_excel")
    if _ENCRYPTED in path.read_bytes():
        return RefusedError(
            f"{path.name} is protected with a password. Save it without one.", "encrypted"
        )
    return RefusedError(f"{told} Open it in Excel and save it as .xlsx.", "old_excel")


def _refuse(options: dict[str, str | None], source: str) -> None:
    stated = sorted(name for name, value in options.items() if value)
    if stated:
        raise SettingsError(f"{stated} cannot apply to {source}. Leave {stated} out.")
