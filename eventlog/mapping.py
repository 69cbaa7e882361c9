"""Your names for the template's names: mapping files, and how names are matched without one."""

from __future__ import annotations

import collections.abc
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from eventlog.errors import DataError, NotFoundError, SettingsError
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
_SEPARATORS = re.compile(r"[\s_]+")


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
    """

    columns: collections.abc.Mapping[str, str] = field(default_factory=dict)
    activities: collections.abc.Mapping[str, str] = field(default_factory=dict)
    delimiter: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    day_first: bool | None = None
    timezone: str | None = None
    sheet: str | None = None


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


def match_columns(names: tuple[str, ...], mapping: Mapping, source: str) -> dict[str, int]:
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

    Returns
    -------
    dict of str to int
        Attribute to position in `names`, in the template's order.

    Raises
    ------
    DataError
        If the mapping names a column that is not there, two columns match one attribute, or
        InvoiceNumber, ActivityName or EventTime has no column.
    """
    by_fold: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        by_fold.setdefault(folded(name), []).append(place)
    found: dict[str, int] = {}
    mapped = {
        attribute: _mapped_place(attribute, column, names, by_fold, source)
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
            raise DataError(
                f"{source} has columns {[names[place] for place in places]} that all hold "
                f"'{attribute}'. Remove or rename all but one."
            )
        if places:
            found[attribute] = places[0]
    lacking = [a.name for a in ATTRIBUTES if a.need == "required" and a.name not in found]
    if lacking:
        raise DataError(
            f"{source} lacks {lacking}; it has {list(names)}. Name your columns in a mapping "
            f'file: [columns] {lacking[0]} = "<your column>".'
        )
    return found


def _mapped_place(
    attribute: str,
    column: str,
    names: tuple[str, ...],
    by_fold: dict[str, list[int]],
    source: str,
) -> int:
    if column in names:
        return names.index(column)
    places = by_fold.get(folded(column), [])
    if len(places) != 1:
        raise DataError(
            f"The mapping takes '{attribute}' from a column '{column}' that {source} does not "
            f"have; it has {list(names)}. Mend the mapping file."
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
