"""Cells of a sheet as Arrow columns: dates, numbers and texts by their type, mixtures as texts."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError, fromstring

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from xlsxwriter.utility import xl_cell_to_rowcol

from eventlog.cells import EXACT
from eventlog.dates import Mask
from eventlog.errors import RefusedError
from eventlog.raw import typed_objects
from eventlog.workbook.sheet_place import SheetPlace

Objects = NDArray[np.object_]
#: What calamine makes of a cell; "" is empty.
Cell = int | float | str | bool | time | date | datetime | timedelta
#: Texts such as #N/A, and the rows and columns of the sheet, from 0, on which they stand.
FormulaErrors = tuple[Objects, NDArray[np.int64], NDArray[np.int64]]

_NUMBERS, _DAYS = frozenset({int, float}), frozenset({date, datetime})
#: What a damaged package may raise; calamine then says what is wrong with it.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    LookupError,
    ValueError,
    EOFError,
    OSError,
    RuntimeError,
)
_CHUNK = 1 << 22
#: Bytes of a cell's markup before which the next chunk has to be looked at.
_OVERLAP = 1 << 10
_ERROR_TYPES = (b't="e"', b"t='e'")
#: Cells with a value beyond column ZZ, and rows beyond the last that Excel knows.
_FAR = (
    re.compile(rb"""<c r=["']([A-Z]{3,}[0-9]+)["'][^>/]*>"""),
    re.compile(rb"""<row [^>]*?\br=["']([2-9][0-9]{6}|[0-9]{8,})["']"""),
)
_ERROR_CELL = re.compile(
    rb"""<c\b(?=[^>]*\bt=["']e["'])[^>]*\br=["']([A-Z]{1,3}[0-9]{1,7})["'][^>]*>"""
    rb"""(?:<f\b[^>]*/>|<f\b[^>]*>[^<]*</f>)?<v>(\#[^<]{1,20})</v>"""
)


def column_of(cells: Objects) -> tuple[pa.ChunkedArray, Mask | None]:
    """One column of a sheet.

    Parameters
    ----------
    cells : ndarray of object, shape (n_rows,)
        As calamine gives them; "" is empty.

    Returns
    -------
    column : ChunkedArray
        Text, float64, bool or timestamp where all cells that hold something are of that type;
        otherwise their texts.
    typed : ndarray of bool or None, shape (n_rows,)
        Which cells hold numbers or dates, if some hold texts.
    """
    blank: Mask = np.asarray(cells == "", dtype=bool)
    stated = cells[~blank]
    kinds = set(map(type, stated))
    if kinds <= {str}:
        return pa.chunked_array([pa.array(cells, pa.large_string())]), None
    if kinds <= _NUMBERS:
        numbers = _filled(cells, blank, np.nan).astype(np.float64)
        if int not in kinds or bool((np.abs(numbers[~blank]) < EXACT).all()):
            return pa.chunked_array([pa.array(numbers, mask=blank)]), None
    if kinds == {bool}:
        flags = _filled(cells, blank, False).astype(bool)
        return pa.chunked_array([pa.array(flags, mask=blank)]), None
    if kinds <= _DAYS:
        # Twenty times as fast as numpy's own conversion.
        series = pd.Series(_filled(cells, blank, None), dtype=object).astype("datetime64[us]")
        moments = series.to_numpy()
        whole = not (moments[~blank].astype(np.int64) % 1_000_000).any()
        unit = "s" if whole else "us"
        return pa.chunked_array([pa.array(moments.astype(f"datetime64[{unit}]"))]), None
    typed = pd.Series(map(type, cells)).isin(list(_NUMBERS | _DAYS)).to_numpy()
    return typed_objects(pd.Series(cells, dtype=object)), typed


def _filled(cells: Objects, blank: Mask, value: float | bool | None) -> Objects:
    filled = cells.copy()
    filled[blank] = value
    return filled


def formula_errors(path: Path, sheet: str) -> FormulaErrors:
    """Cells of a sheet that hold the error value of a formula, which calamine leaves empty.

    Parameters
    ----------
    path : Path
        An .xlsx or .xlsm file.
    sheet : str

    Returns
    -------
    texts : ndarray of object, shape (n,)
        Such as ``#N/A``.
    rows, columns : ndarray of int64, shape (n,)
        Of the sheet, the first being 0.

    Raises
    ------
    RefusedError
        If a cell with a value stands so far out that the sheet could not be held in memory: every
        cell up to it is.
    """
    found: dict[tuple[int, int], str] = {}
    try:
        with zipfile.ZipFile(path) as packed:
            part = _part_of(packed, sheet)
            for chunk in _chunks(packed, part) if part else ():
                far = next((m for pattern in _FAR if (m := pattern.search(chunk))), None)
                if far is not None:
                    raise _too_far(path, sheet, far.group(1).decode())
                if not any(mark in chunk for mark in _ERROR_TYPES):
                    continue
                for cell, text in _ERROR_CELL.findall(chunk):
                    found[xl_cell_to_rowcol(cell.decode())] = text.decode()
    except RefusedError:
        raise
    except _UNREADABLE:
        found.clear()
    places = np.array(list(found), dtype=np.int64).reshape(-1, 2)
    return np.array(list(found.values()), dtype=object), places[:, 0], places[:, 1]


def _too_far(path: Path, sheet: str, where: str) -> RefusedError:
    cell = SheetPlace(sheet, 1).at(where if where[0].isalpha() else f"A{where}")
    return RefusedError(
        f"Sheet '{sheet}' of {path.name} has a cell far outside of any log, beyond column ZZ or "
        "the last row. Empty it.",
        "far_cell",
        cell=cell,
    )


def _part_of(packed: zipfile.ZipFile, sheet: str) -> str | None:
    """Which file of the package holds a sheet."""
    book: Any = fromstring(packed.read("xl/workbook.xml"))
    relation = next(
        (
            next((element.get(key) for key in element.attrib if key.endswith("}id")), None)
            for element in book.iter()
            if element.tag.endswith("}sheet") and element.get("name") == sheet
        ),
        None,
    )
    targets = {
        element.get("Id"): element.get("Target", "")
        for element in fromstring(packed.read("xl/_rels/workbook.xml.rels"))
    }
    target = targets.get(relation)
    if target is None:
        return None
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _chunks(packed: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """A part piece by piece, each with the end of the one before it."""
    with packed.open(part) as stream:
        last = b""
        while piece := stream.read(_CHUNK):
            yield last + piece
            last = piece[-_OVERLAP:]
