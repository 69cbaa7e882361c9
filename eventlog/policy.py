"""Business policy: the numbers a company decides, in one TOML file.

`Policy` is read once, at an entry point, and handed down. A key that is not known is refused, so a
typing slip never passes for a decision.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from eventlog.errors import NotFoundError, SettingsError

#: What can pause the dunning of an invoice.
PAUSES = ("dispute", "promise", "agency")
#: Letters that a policy may have.
MOST_LETTERS = 30


@dataclass(frozen=True, slots=True)
class Policy:
    """What the company has decided.

    Attributes
    ----------
    late_after_days : int
        An invoice is late when it is not closed by payment at the end of due date + this many
        days. 5 follows Appel et al. 2020 (arXiv 2008.07363), who allow for bank processing.
    very_late_after_days : int
        The same for "very late", the third of the payment curve's buckets.
    still_open_days : int
        Horizon of the question asked of invoices that are late already.
    write_off_horizon_days : int
        Horizon of the write-off question.
    promise_grace_days : int
        A promise is broken at the end of the promised date + this many days.
    promise_default_days : int
        Promised date where none is stated: the promise's day + this many days.
    settled_tolerance : float
        A balance up to this much, in the invoice's currency, counts as settled (penny difference).
    loss_given_default : float
        Share of a written-off balance that is not recovered later, 0 to 1.
    annual_rate : float
        Yearly cost of money, 0.08 for 8 %.
    quiet_days : int
        No new call within this many days of the last contact.
    dunning_days : tuple of int
        Days past due at which letter 1, 2, … is due.
    dunning_tolerance_days : int
        A letter is on time up to the end of the day so many days after it was due.
    dunning_paused_by : tuple of {'dispute', 'promise', 'agency'}
        While one of these is open on an invoice, no letter is due and its days do not count.
    dunning_min_balance : float
        No letter is due for a balance below this, in the invoice's currency.
    band_high, band_medium : float
        Risk bands by probability of late payment (or of staying open): high from `band_high`,
        medium from `band_medium`, low below.
    never_lowers_risk, never_raises_risk : tuple of str
        Features of which more must never lower, or raise, a probability, all else equal.
    reporting_currency : str
        Currency in which amounts of several currencies are added; needs a rate table then.
    """

    late_after_days: int = 5
    very_late_after_days: int = 30
    still_open_days: int = 30
    write_off_horizon_days: int = 365
    promise_grace_days: int = 3
    promise_default_days: int = 14
    settled_tolerance: float = 0.5
    loss_given_default: float = 0.8
    annual_rate: float = 0.08
    quiet_days: int = 5
    dunning_days: tuple[int, ...] = (7, 21, 35)
    dunning_tolerance_days: int = 3
    dunning_paused_by: tuple[str, ...] = ("dispute", "promise")
    dunning_min_balance: float = 0.0
    band_high: float = 0.5
    band_medium: float = 0.2
    never_lowers_risk: tuple[str, ...] = ("n_promises_broken",)
    never_raises_risk: tuple[str, ...] = ()
    reporting_currency: str = ""

    def changed(self, **changes: Any) -> Policy:
        """A copy with some values changed; ``None`` leaves a value as it is.

        Raises
        ------
        SettingsError
            If a key is unknown, or a value has the wrong type or lies outside its range.
        """
        stated = {name: value for name, value in changes.items() if value is not None}
        return checked(replace(self, **_typed(stated, "The policy")))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the run's record and the model file."""
        return asdict(self)


def checked(policy: Policy) -> Policy:
    """Return the policy if every value lies in its range.

    Raises
    ------
    SettingsError
        Naming the first value that does not, and its range.
    """
    for name, low, high in (
        ("late_after_days", 0, 365),
        ("very_late_after_days", 1, 365),
        ("still_open_days", 1, 730),
        ("write_off_horizon_days", 1, 3650),
        ("promise_grace_days", 0, 60),
        ("promise_default_days", 0, 365),
        ("settled_tolerance", 0, 1_000_000),
        ("loss_given_default", 0, 1),
        ("annual_rate", 0, 10),
        ("quiet_days", 0, 365),
        ("dunning_tolerance_days", 0, 60),
        ("dunning_min_balance", 0, 1_000_000),
        ("band_high", 0, 1),
        ("band_medium", 0, 1),
    ):
        value = getattr(policy, name)
        if not low <= value <= high:
            raise SettingsError(f"'{name}' is {value}. Choose a number from {low} to {high:,}.")
    if policy.band_medium > policy.band_high:
        raise SettingsError(
            f"'band_medium' ({policy.band_medium}) lies above 'band_high' ({policy.band_high}). "
            "Lower it."
        )
    days = policy.dunning_days
    if any(b <= a for a, b in pairwise(days)) or any(d < 0 for d in days):
        raise SettingsError(f"'dunning_days' is {list(days)}. List rising days past due.")
    if len(days) > MOST_LETTERS:
        raise SettingsError(
            f"'dunning_days' lists {len(days)} letters. List at most {MOST_LETTERS}."
        )
    unknown = [name for name in policy.dunning_paused_by if name not in PAUSES]
    if unknown:
        raise SettingsError(
            f"'dunning_paused_by' names {unknown}, which cannot pause dunning. Choose among "
            f"{list(PAUSES)}."
        )
    return policy


def read_policy(path: Path | None) -> Policy:
    """Read the policy file; without one, the defaults.

    Raises
    ------
    NotFoundError
        If the file does not exist.
    SettingsError
        If it is not TOML, names an unknown key, or a value has the wrong type or range.
    """
    if path is None:
        return Policy()
    if not path.is_file():
        raise NotFoundError(f"There is no policy file at {path}. Check the path.")
    try:
        stated = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}. Mend that line.") from error
    return checked(replace(Policy(), **_typed(stated, str(path))))


#: What a value of each type is called.
_CALLED = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple: "a list of {}",
}
#: What the values of a list are, by the list's name; whole numbers where it is not named.
_LISTED: dict[str, type] = {
    "never_lowers_risk": str,
    "never_raises_risk": str,
    "dunning_paused_by": str,
}


def _typed(stated: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Values in the types of the policy's fields, or an error that names key and source."""
    default = {field.name: field.default for field in fields(Policy)}
    unknown = sorted(set(stated) - set(default))
    if unknown:
        raise SettingsError(
            f"{source} has unknown keys {unknown}. Known are {sorted(default)}. Mend or remove "
            "them."
        )
    values = {}
    for name, value in stated.items():
        wanted = type(default[name])
        if wanted is float and type(value) is int:
            value = float(value)
        if wanted is tuple and isinstance(value, list | tuple):
            of = _LISTED.get(name, int)
            value = tuple(value) if all(type(item) is of for item in value) else list(value)
        if type(value) is not wanted:
            items = "texts" if name in _LISTED else "whole numbers"
            called = _CALLED[wanted].format(items)
            raise SettingsError(f"'{name}' in {source} is {value!r}. Write {called}.")
        values[name] = value
    return values
