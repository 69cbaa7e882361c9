"""Texts that say how much: money and numbers, with decimal point or comma, parsed exactly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from eventlog.dates import Mask
from eventlog.known import Ints
from eventlog.log import MINOR, NONE

Floats = NDArray[np.float64]
Decimal = Literal[".", ","]

#: Amounts from here on are slips: no invoice is for ten million million.
LIMIT = 10**13
#: Whole numbers of more digits are identifiers; float64 would not hold them.
_DIGITS = 15
_TRIED = 100
#: Values that are asked for their decimal mark where only one mark is possible.
_SHOWING = 1000

_CODES = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN "
    "BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL "
    "GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF "
    "KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN "
    "MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD "
    "SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH "
    "UGX USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG"
)
#: ISO 4217 codes of currencies in use.
CURRENCIES = tuple(_CODES.split())
_CURRENCY = rf"(?i:[A-Z]{{0,3}}\p{{Sc}}|{'|'.join(_CODES.split())}|kr\.?|Rs\.?|Kč|zł|Ft|Fr\.?)"
_SPACE = r"[ \x{A0}\x{2009}\x{202F}]"
_MINUS = r"[-\x{2212}]"
_THIN = r" \x{A0}\x{2009}\x{202F}'’"
_NUMBER = {
    mark: (
        rf"(?:(?:[0-9]+|[0-9]{{1,3}}(?:{group}[0-9]{{2,3}})*{group}[0-9]{{3}}"
        rf"|[0-9]{{1,3}}(?:[{_THIN}][0-9]{{3}})+)(?:{point}[0-9]*)?|{point}[0-9]+)"
        r"(?:[eE][+-]?[0-9]{1,3})?"
    )
    for mark, point, group in ((".", r"\.", ","), (",", ",", r"\."))
}
#: The common ways of writing money: digits, perhaps in groups of three, and up to four decimals.
_COMMON = {
    mark: rf"^-?(?:[0-9]{{1,15}}|[0-9]{{1,3}}(?:{group}[0-9]{{3}}){{1,4}})(?:{point}[0-9]{{0,4}})?$"
    for mark, point, group in ((".", r"\.", ","), (",", ",", r"\."))
}
#: What an additional column may hold to count as numbers, besides having no leading zeros.
_STRICT = {
    ".": r"^-?(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)?(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?$",
    ",": r"^-?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+)?(?:,[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?$",
}
_IDENTIFIER = rf"^-?(?:0[0-9]|[0-9]{{{_DIGITS + 1},}}$)"


def decimal_mark(columns: Iterable[pa.LargeStringArray]) -> Decimal | None:
    """Decimal mark of some columns, as their values show it.

    Parameters
    ----------
    columns : iterable of LargeStringArray
        Texts of money and numbers; null where empty.

    Returns
    -------
    {'.', ','} or None
        "." where no value has a mark at all; None where values such as 1.234 could be read either
        way and no other value decides.
    """
    columns = list(columns)
    if not any(_may_be_commas(texts) for texts in columns):
        votes, _ = _votes(texts.slice(0, _SHOWING) for texts in columns)
        if votes["."]:
            return "."
    votes, open_values = _votes(columns)
    if votes["."] == votes[","]:
        return None if votes["."] or open_values else "."
    return "." if votes["."] > votes[","] else ","


def _may_be_commas(texts: pa.LargeStringArray) -> bool:
    """Whether some value may show a decimal comma: it has a comma or two points."""
    if pc.any(pc.match_substring(texts, ",")).as_py():
        return True
    return (pc.max(pc.count_substring(texts, ".")).as_py() or 0) > 1


def _votes(columns: Iterable[pa.LargeStringArray]) -> tuple[dict[str, int], bool]:
    """How many values show each mark, and whether some could have either."""
    votes = {".": 0, ",": 0}
    open_values = False
    for texts in columns:
        marked = texts.filter(pc.match_substring_regex(texts, r"[.,]").fill_null(False))
        if not len(marked):
            continue
        powers = pc.match_substring_regex(marked, r"[0-9.,][eE][+-]?[0-9]")
        core = pc.replace_substring_regex(marked.filter(pc.invert(powers)), r"[^0-9.,]", "")
        for mark, point, group in ((".", r"\.", ","), (",", ",", r"\.")):
            shows = (
                rf"^[0-9]{{1,3}}(?:{group}[0-9]{{2,3}})+{point}[0-9]*$"
                rf"|^[0-9]*{point}(?:[0-9]{{0,2}}|[0-9]{{4,}})$"
                rf"|^(?:[0-9]{{4,}}|0[0-9]*)?{point}[0-9]{{3}}$"
                rf"|^[0-9]{{1,3}}(?:{group}[0-9]{{3}}){{2,}}$"
            )
            votes[mark] += pc.sum(pc.match_substring_regex(core, shows)).as_py() or 0
        open_values |= bool(pc.any(pc.match_substring_regex(core, r"^[0-9]+[.,][0-9]+$")).as_py())
    return votes, open_values


def parse_amounts(texts: pa.LargeStringArray, decimal: Decimal) -> tuple[Ints, Mask]:
    """Money in minor units, exactly.

    Parameters
    ----------
    texts : LargeStringArray of shape (n,)
        Trimmed; null where empty. Thousands separators, a currency sign or code before or after,
        a leading or trailing minus and parentheses for negative amounts are understood.
    decimal : {'.', ','}

    Returns
    -------
    amounts : ndarray of int64, shape (n,)
        More than four decimals are rounded, half to even. `NONE` where empty or bad.
    bad : ndarray of bool, shape (n,)
        True where a text stands that is no amount below `LIMIT`.
    """
    quick = _quick_amounts(texts, decimal)
    if quick is not None:
        minor, readable = quick
    else:
        common = pc.match_substring_regex(texts, _COMMON[decimal]).fill_null(False)
        easy = common.to_numpy(zero_copy_only=False)
        minor = np.full(len(texts), NONE, dtype=np.int64)
        readable = np.zeros(len(texts), dtype=bool)
        plain = _ungrouped(texts.filter(common), decimal)
        minor[easy], readable[easy] = _minor_of_decimals(plain.cast(pa.decimal128(38, 4)))
        minor[~easy], readable[~easy] = _minor_of(texts.filter(pc.invert(common)), decimal)
    stated = texts.is_valid().to_numpy(zero_copy_only=False)
    good = stated & readable & (np.abs(minor) < LIMIT * MINOR)
    return np.where(good, minor, NONE), stated & ~good


def amounts_of_typed(column: pa.ChunkedArray) -> tuple[Ints, Mask] | None:
    """Money of a column typed as number; None for types that have to go through their texts."""
    kind = column.type
    empty = column.combine_chunks().is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_integer(kind):
        whole = column.fill_null(0).to_numpy()
        bad = (whole >= LIMIT) | (whole <= -LIMIT if pa.types.is_signed_integer(kind) else False)
        return np.where(empty | bad, NONE, whole.astype(np.int64) * MINOR), bad & ~empty
    if pa.types.is_floating(kind):
        numbers = column.cast(pa.float64()).to_numpy()
        empty = empty | np.isnan(numbers)
        bad = ~empty & ~(np.abs(numbers) < LIMIT)
        usable = np.where(empty | bad, 0.0, numbers)
        minor = np.rint(usable * MINOR).astype(np.int64)
        return np.where(empty | bad, NONE, minor), bad
    if pa.types.is_decimal128(kind) and 0 <= kind.scale <= 4 and kind.precision - kind.scale <= 30:
        minor, valid = _minor_of_decimals(column.cast(pa.decimal128(38, 4)).combine_chunks())
        good = ~empty & valid & (np.abs(minor) < LIMIT * MINOR)
        return np.where(good, minor, NONE), ~empty & ~good
    return None


def parse_numbers(texts: pa.LargeStringArray, decimal: Decimal) -> tuple[Floats, Mask]:
    """Numbers, and a mask of the texts that are none; empty ones are NaN."""
    stated = texts.is_valid().to_numpy(zero_copy_only=False)
    plain = texts
    if decimal == "," or pc.any(pc.match_substring(texts, ",")).as_py():
        plain = _plain(texts, decimal, currency=False)
    try:
        plain.slice(0, _TRIED).cast(pa.float64())
        values = plain.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        values = _plain(texts, decimal, currency=False).cast(pa.float64())
        values = values.to_numpy(zero_copy_only=False)
    good = stated & np.isfinite(values)
    return np.where(good, values, np.nan), stated & ~good


def looks_numeric(texts: pa.LargeStringArray, decimal: Decimal) -> bool:
    """Whether all texts of an additional column are numbers and none is an identifier.

    Leading zeros and whole numbers of more than 15 digits mark identifiers.
    """
    for part in (texts.slice(0, 100), texts):
        fits = pc.match_substring_regex(part, _STRICT[decimal])
        digits = pc.match_substring_regex(part, "[0-9]")
        identifies = pc.match_substring_regex(part, _IDENTIFIER)
        if not pc.all(pc.and_(pc.and_(fits, digits), pc.invert(identifies))).as_py():
            return False
    return True


def _quick_amounts(texts: pa.LargeStringArray, decimal: Decimal) -> tuple[Ints, Mask] | None:
    """Amounts if all of them are written plainly; None otherwise."""
    if decimal == ",":
        if pc.any(pc.match_substring(texts, ".")).as_py():
            return None
        texts = pc.replace_substring(texts, ",", ".", max_replacements=1)
    longest = pc.max(pc.binary_length(texts)).as_py() or 0
    # Longer texts and powers of ten can overflow the cast, which does not say so.
    if longest > 20 or any(pc.any(pc.match_substring(texts, e)).as_py() for e in "eE"):
        return None
    try:
        # Every failing cell is costly, so a few are tried first.
        texts.slice(0, _TRIED).cast(pa.decimal128(38, 4))
        decimals = texts.cast(pa.decimal128(38, 4))
    except pa.ArrowInvalid:
        return None
    return _minor_of_decimals(decimals)


def _minor_of(texts: pa.LargeStringArray, decimal: Decimal) -> tuple[Ints, Mask]:
    plain = _plain(texts, decimal, currency=True)
    powers = pc.match_substring(plain, "e", ignore_case=True).fill_null(False)
    sized = pc.match_substring_regex(plain, rf"^-?0*[0-9]{{0,{_DIGITS}}}(?:\.|$)").fill_null(False)
    fixed = pc.if_else(pc.and_(sized, pc.invert(powers)), plain, pa.scalar(None, plain.type))
    fixed = pc.replace_substring_regex(fixed, r"^(-?)0+([0-9])", r"\1\2")
    fixed = pc.replace_substring_regex(fixed, r"(\.[0-9]{18})[0-9]+$", r"\1")
    exact = pc.round(fixed.cast(pa.decimal128(38, 18)), 4, round_mode="half_to_even")
    minor, valid = _minor_of_decimals(exact.cast(pa.decimal128(38, 4)))
    if pc.any(powers).as_py():
        raised = pc.if_else(powers, plain, pa.scalar(None, plain.type)).cast(pa.float64())
        values = raised.to_numpy(zero_copy_only=False)
        usable = np.abs(values) < LIMIT
        minor = np.where(usable, np.rint(np.where(usable, values, 0) * MINOR), minor)
        minor, valid = minor.astype(np.int64), valid | usable
    return minor, valid


def _minor_of_decimals(decimals: pa.Array) -> tuple[Ints, Mask]:
    """The low words of decimals of scale four, and a mask of those that are there and fit."""
    valid = decimals.is_valid().to_numpy(zero_copy_only=False)
    if not len(decimals):
        return np.empty(0, dtype=np.int64), valid
    words = np.frombuffer(decimals.buffers()[1], dtype=np.int64).reshape(-1, 2)
    words = words[decimals.offset : decimals.offset + len(decimals)]
    low, high = words[:, 0], words[:, 1]
    valid = valid & (high == low >> 63)
    return np.where(valid, low, 0), valid


def _ungrouped(texts: pa.LargeStringArray, decimal: Decimal) -> pa.LargeStringArray:
    """Digits without thousands marks, with a decimal point."""
    if decimal == ".":
        return pc.replace_substring(texts, ",", "")
    return pc.replace_substring(pc.replace_substring(texts, ".", ""), ",", ".")


def _plain(texts: pa.LargeStringArray, decimal: Decimal, *, currency: bool) -> pa.LargeStringArray:
    """Numbers as ``-1234.5``; null where a text is no number."""
    money = rf"(?:{_CURRENCY})?" if currency else ""
    pattern = (
        rf"^(?P<open>\()?{_SPACE}*(?P<before>{_MINUS}|\+)?{_SPACE}*{money}{_SPACE}*"
        rf"(?P<inner>{_MINUS}|\+)?{_SPACE}*(?P<number>{_NUMBER[decimal]}){_SPACE}*{money}"
        rf"{_SPACE}*(?P<after>{_MINUS})?{_SPACE}*(?P<close>\))?{_SPACE}*{money}$"
    )
    found = pc.extract_regex(texts, pattern)
    part = {name: found.field(name) for name in ("open", "before", "inner", "after", "close")}
    has = {name: pc.greater(pc.binary_length(value), 0) for name, value in part.items()}
    marks = [has[name].cast(pa.int8()) for name in ("open", "before", "inner", "after")]
    single = pc.less_equal(pc.add(pc.add(marks[0], marks[1]), pc.add(marks[2], marks[3])), 1)
    fits = pc.and_(found.is_valid(), pc.and_(single, pc.equal(has["open"], has["close"])))
    minus = pc.or_(has["open"], has["after"])
    for name in ("before", "inner"):
        minus = pc.or_(minus, pc.and_(has[name], pc.not_equal(part[name], "+")))
    digits = _ungrouped(
        pc.replace_substring_regex(found.field("number"), rf"[{_THIN}]", ""), decimal
    )
    kind = pa.large_string()
    negative = pc.binary_join_element_wise(pa.scalar("-", kind), digits, pa.scalar("", kind))
    return pc.if_else(fits, pc.if_else(minus, negative, digits), pa.scalar(None, kind))
