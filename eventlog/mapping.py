"""Your names for the template's names: mapping files, and how names are matched without one."""

from __future__ import annotations

import collections.abc
import re
import tomllib
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from eventlog.errors import NotFoundError, RefusedError, SettingsError
from eventlog.template import ACTIVITY_NAMED, ATTRIBUTE_NAMED, ATTRIBUTES

_SECTIONS = ("columns", "activities", "format")
_FORMAT: dict[str, type] = {
    "delimiter": str,
    "decimal": str,
    "encoding": str,
    "day_first": bool,
    "timezone": str,
    "sheet": str,
}
#: A column of a sheet without a heading, see `eventlog.workbook.sheet_place.unnamed_column`.
_UNNAMED = re.compile("Column [A-Z]{1,3}")
_SEPARATORS = re.compile(r"[\s_]+")
#: Endings that do not tell two columns apart: InvoiceNo is InvoiceNumber.
_ENDINGS = re.compile(r"(?:number|num|no|nr|id)$")


@dataclass(frozen=True)
class Mapping:
    """What a mapping file says.

    Attributes
    ----------
    columns : mapping of str to str
        Template name of an attribute to the name of your column.
    activities : mapping of str to str
        Your name of an activity to its template name.
    delimiter, decimal, encoding, sheet : str or None
        As the arguments of `eventlog.reader.read_log`; None finds them.
    day_first : bool or None
        Whether 01/02/2024 is the first of February.
    timezone : str or None
        Zone of times that state none, such as ``Europe/Berlin``; None is UTC.
    cells : mapping of str to str
        By attribute: the cell of a workbook that names the column, where one does.
    """

    columns: collections.abc.Mapping[str, str] = field(default_factory=dict)
    activities: collections.abc.Mapping[str, str] = field(default_factory=dict)
    delimiter: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    day_first: bool | None = None
    timezone: str | None = None
    sheet: str | None = None
    cells: collections.abc.Mapping[str, str] = field(default_factory=dict)


def combined(mapping: Mapping, other: Mapping | None) -> Mapping:
    """Two mappings as one; where both say something, the first holds."""
    if other is None:
        return mapping
    own = {
        attribute: cell
        for attribute, cell in other.cells.items()
        if attribute not in mapping.columns
    }
    return Mapping(
        columns={**other.columns, **mapping.columns},
        activities={**other.activities, **mapping.activities},
        delimiter=mapping.delimiter or other.delimiter,
        decimal=mapping.decimal or other.decimal,
        encoding=mapping.encoding or other.encoding,
        day_first=other.day_first if mapping.day_first is None else mapping.day_first,
        timezone=mapping.timezone or other.timezone,
        sheet=mapping.sheet or other.sheet,
        cells={**own, **mapping.cells},
    )


def read_mapping(path: str | Path) -> Mapping:
    """Read a mapping file.

    Parameters
    ----------
    path : str or Path
        TOML with the sections ``[columns]`` (``InvoiceNumber = "Your Column"``), ``[activities]``
        (``"Your name" = "Payment Received"``) and ``[format]`` (delimiter, decimal, encoding,
        day_first, timezone, sheet), each of them optional.

    Raises
    ------
    NotFoundError
        If the file does not exist.
    SettingsError
        If it is not TOML, has an unknown section or key, or names an attribute, an activity or a
        time zone that does not exist.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFoundError(f"There is no mapping file at {path}. Check the path.")
    try:
        stated = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}. Mend that line.") from error
    _refuse_unknown(stated, _SECTIONS, f"{path} has unknown sections")
    for section in stated:
        if not isinstance(stated[section], dict):
            raise SettingsError(f"'{section}' in {path} is no section. Write [{section}].")
    columns = stated.get("columns", {})
    activities = stated.get("activities", {})
    layout = stated.get("format", {})
    _refuse_unknown(columns, tuple(ATTRIBUTE_NAMED), f"[columns] of {path} has unknown names")
    _refuse_unknown(layout, tuple(_FORMAT), f"[format] of {path} has unknown keys")
    for section, named in (("columns", columns), ("activities", activities)):
        wrong = sorted(key for key, value in named.items() if not isinstance(value, str))
        if wrong:
            raise SettingsError(
                f"[{section}] of {path} has values that are no text for {wrong}. Quote them."
            )
    targets = {value: value for value in activities.values()}
    _refuse_unknown(targets, tuple(ACTIVITY_NAMED), f"[activities] of {path} names unknown targets")
    for key, value in layout.items():
        if type(value) is not _FORMAT[key]:
            wanted = "true or false" if _FORMAT[key] is bool else "a quoted text"
            raise SettingsError(f"'{key}' in [format] of {path} is {value!r}. Write {wanted}.")
    checked_zone(layout.get("timezone"))
    return Mapping(columns=columns, activities=activities, **layout)


def checked_zone(timezone: str | None) -> str | None:
    """Return the name of a time zone if there is such a zone.

    Raises
    ------
    SettingsError
        If there is none.
    """
    if timezone:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise SettingsError(
                f"Time zone '{timezone}' is unknown. Use a name such as Europe/Berlin or UTC."
            ) from error
    return timezone


def folded(name: str) -> str:
    """A name as it is compared: in lower case, without spaces and underscores."""
    return _SEPARATORS.sub("", name).casefold()


#: Folded column names that speak for a delimiter.
KNOWN_COLUMNS = frozenset(folded(attribute.name) for attribute in ATTRIBUTES)


def match_columns(
    names: tuple[str, ...],
    mapping: Mapping,
    source: str,
    cells: collections.abc.Sequence[str] = (),
) -> dict[str, int]:
    """Which column holds which attribute.

    Parameters
    ----------
    names : tuple of str
        Columns of the source, distinct.
    mapping : Mapping
        Its columns come first; the others match by the same name, or by the same name but for
        case, spaces and underscores.
    source : str
        How messages call the source.
    cells : sequence of str
        Where each name stands, in a workbook.

    Returns
    -------
    dict of str to int
        Attribute to position in `names`, in the template's order.

    Raises
    ------
    RefusedError
        If the mapping names a column that is not there, two columns match one attribute, or
        InvoiceNumber, ActivityName or EventTime has no column.
    """
    by_fold: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        by_fold.setdefault(folded(name), []).append(place)
    found: dict[str, int] = {}
    mapped = {
        attribute: _mapped_place(
            attribute, column, names, by_fold, source, mapping.cells.get(attribute, "")
        )
        for attribute, column in mapping.columns.items()
    }
    for attribute in ATTRIBUTE_NAMED:
        places = [
            place
            for place in by_fold.get(folded(attribute), [])
            if place not in mapped.values() or mapped.get(attribute) == place
        ]
        if attribute in mapped:
            places = [mapped[attribute], *(p for p in places if p != mapped[attribute])]
        if len(places) > 1:
            raise RefusedError(
                f"{source} has columns {[names[place] for place in places]} that all hold "
                f"'{attribute}'. Remove or rename all but one.",
                "attribute_twice",
                cell=cells[places[-1]] if cells else "",
                column=attribute,
            )
        if places:
            found[attribute] = places[0]
    lacking = [a.name for a in ATTRIBUTES if a.need == "required" and a.name not in found]
    if lacking:
        others = [place for place in range(len(names)) if place not in found.values()]
        like = next((p for p in others if like_attribute(names[p], lacking)), None)
        if like is None and cells:
            like = next((p for p in others if _UNNAMED.fullmatch(names[p])), None)
        remedy = f'in a mapping file: [columns] {lacking[0]} = "<your column>"'
        if cells:
            remedy = f"beside {lacking[0]} in the Mapping sheet, or write {lacking[0]} into row 1"
        meant = "" if like is None else f" Is '{names[like]}' meant?"
        raise RefusedError(
            f"{source} lacks {lacking}; it has {list(names)}.{meant} Name your columns {remedy}.",
            "column_missing",
            cell=cells[0 if like is None else like] if cells else "",
            column=lacking[0],
        )
    return found


def like_attribute(name: str, attributes: collections.abc.Iterable[str]) -> str | None:
    """The attribute whose name a column's name resembles, such as ``Invoice No.``; else None."""
    known = {_ENDINGS.sub("", folded(attribute)): attribute for attribute in attributes}
    plain = _ENDINGS.sub("", re.sub(r"[^\w]", "", folded(name)))
    for written in (plain, plain.replace("date", "time")):
        close = get_close_matches(written, list(known), n=1, cutoff=0.8)
        if close:
            return known[close[0]]
    return None


def _mapped_place(
    attribute: str,
    column: str,
    names: tuple[str, ...],
    by_fold: dict[str, list[int]],
    source: str,
    cell: str,
) -> int:
    if column in names:
        return names.index(column)
    places = by_fold.get(folded(column), [])
    if len(places) != 1:
        raise RefusedError(
            f"The mapping takes '{attribute}' from a column '{column}' that {source} does not "
            f"have; it has {list(names)}. Mend the mapping{'' if cell else ' file'}.",
            "mapping_column",
            cell=cell,
            column=attribute,
        )
    return places[0]


def match_activities(names: list[str], mapping: Mapping) -> list[str]:
    """Activities in the template's spelling; names it does not know stay as they are.

    Parameters
    ----------
    names : list of str
        Distinct names; "" stays "".
    mapping : Mapping
        Its activities come first.

    Returns
    -------
    list of str
    """
    template = {folded(name): name for name in ACTIVITY_NAMED}
    template |= {folded(yours): target for yours, target in mapping.activities.items()}
    return [mapping.activities.get(name, template.get(folded(name), name)) for name in names]


def _refuse_unknown(
    stated: collections.abc.Mapping[str, Any], known: tuple[str, ...], rule: str
) -> None:
    unknown = sorted(set(stated) - set(known))
    if unknown:
        raise SettingsError(f"{rule}: {unknown}. Known are {sorted(known)}. Mend or remove them.")
