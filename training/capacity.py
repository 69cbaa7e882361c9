"""What a team that can make k calls a week gets out of a ranking, in money.

In every stretch of time (day, week or month of the cutoff) the team calls the k highest rows of a
ranking. A row is an invoice at a cutoff: where an invoice is looked at weekly, each week it is at
stake anew. What the team does not reach costs money:

- late targets: the late balance stays out for ``days`` more, at the yearly cost of money,
  ``balance × annual_rate × days / 365``;
- write-off: the balance is lost but for what is recovered, ``balance × loss_given_default``.

A call is taken to bring in all that it reaches, so the cost of a ranking is what a team that always
succeeds would still pay: good for comparing rankings, too hopeful for a budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.errors import SettingsError
from eventlog.known import Ints
from eventlog.log import DAY, datetimes
from eventlog.policy import Policy

Floats = NDArray[np.float64]
Per = Literal["day", "week", "month"]

#: Currency units that a call costs, unless stated: some ten minutes of a clerk.
CALL_COST = 5.0
#: Rankings that are not a model's or a baseline's.
BALANCE, OLDEST, FORESIGHT = "balance", "oldest", "perfect foresight"
BY_BALANCE = " x balance"


@dataclass(frozen=True)
class Costs:
    """What calls cost, and what is lost where none is made.

    Attributes
    ----------
    call : float
        Currency units a call.
    lost : float
        Currency units lost per unit of a late (or written off) balance that is not reached.
    said : str
        How ``lost`` comes about.
    """

    call: float
    lost: float
    said: str


def costs_of(
    target: str,
    policy: Policy,
    *,
    call: float = CALL_COST,
    annual_rate: float | None = None,
    days: int | None = None,
    loss_given_default: float | None = None,
) -> Costs:
    """Costs for a target; what is not stated is the policy's.

    Parameters
    ----------
    call : float
        Currency units a call.
    annual_rate : float, optional
        Yearly cost of money; default `Policy.annual_rate`.
    days : int, optional
        How long a late balance stays out when nobody calls; default `Policy.still_open_days`.
    loss_given_default : float, optional
        For write-off; default `Policy.loss_given_default`.

    Raises
    ------
    SettingsError
        If a cost is negative.
    """
    if call < 0:
        raise SettingsError(f"A call costs {call}. State a cost of 0 or more.")
    if target == "write_off":
        share = policy.loss_given_default if loss_given_default is None else loss_given_default
        return Costs(call, share, f"{share:.0%} of a written-off balance is lost")
    rate = policy.annual_rate if annual_rate is None else annual_rate
    out = policy.still_open_days if days is None else days
    said = f"a late balance stays out {out} days longer at {rate:.1%} a year"
    return Costs(call, rate * out / 365, said)


def period_of(rhythm: str) -> Per:
    """Stretch in which calls are counted unless stated: a month for monthly rows, else a week."""
    return "month" if rhythm == "monthly" else "week"


def stretch_of(cutoff: Ints, per: Per) -> Ints:
    """Number of the day, week (from Monday) or calendar month of each cutoff, from 0 without gaps.

    Raises
    ------
    SettingsError
        If the stretch has another name.
    """
    if per not in get_args(Per):
        raise SettingsError(f"'{per}' is no stretch of time. Use one of {list(get_args(Per))}.")
    day = cutoff // DAY
    if per == "week":
        day = (day + 3) // 7  # 1970-01-01 was a Thursday
    elif per == "month":
        day = datetimes(cutoff).astype("datetime64[M]").astype(np.int64)
    return np.unique(day, return_inverse=True)[1]


def rankings(
    y: Floats, balance: Floats, days_past_due: Floats, predictions: Mapping[str, Floats]
) -> dict[str, Floats]:
    """Scores to call by, highest first: each prediction, times balance too, and what needs none.

    Parameters
    ----------
    y, balance, days_past_due : ndarray of float64, shape (n,)
        Rows without a due date come last in ``oldest``.
    predictions : mapping of str to ndarray of float64, shape (n,)
        ``prevalence`` ranks at random, as its rows share every place of their stretch evenly; so
        times balance it is ``balance`` and left out.
    """
    found: dict[str, Floats] = {}
    for name, p in predictions.items():
        found[name] = p
        if name != "prevalence":
            found[name + BY_BALANCE] = p * balance
    found[BALANCE] = balance
    found[OLDEST] = np.nan_to_num(days_past_due, nan=-np.inf)
    found[FORESIGHT] = y * balance
    return found


def reached(score: Floats, worth: Floats, stretch: Ints) -> Floats:
    """Sum of a worth that k calls a stretch reach, for k = 0, 1, 2, … up to the longest stretch.

    Rows of one stretch with equal score share their places evenly.

    Parameters
    ----------
    score, worth : ndarray of float64, shape (n,)
    stretch : ndarray of int64, shape (n,)
        Stretch of time of each row, from 0 without gaps.

    Returns
    -------
    ndarray of float64, shape (most rows of a stretch + 1,)
    """
    if not len(score):
        return np.zeros(1)
    order = np.lexsort((-score, stretch))
    ranked, within = score[order], stretch[order]
    new_stretch = np.append(True, within[1:] != within[:-1])
    new_tie = new_stretch | np.append(True, ranked[1:] != ranked[:-1])
    tie = np.cumsum(new_tie) - 1
    shared = (np.bincount(tie, weights=worth[order]) / np.bincount(tie))[tie]
    place = np.arange(len(order)) - np.flatnonzero(new_stretch)[within]
    return np.append(0.0, np.cumsum(np.bincount(place, weights=shared)))


def capacity_curves(
    y: Floats, balance: Floats, scores: Mapping[str, Floats], stretch: Ints, costs: Costs
) -> dict[str, pd.DataFrame]:
    """What each ranking gets out of k calls a stretch.

    Returns
    -------
    dict of str to DataFrame of shape (most rows of a stretch + 1, 5)
        Columns k, calls (over all stretches), precision (positives among the rows called),
        balance_recall (share of the positives' balance reached; NaN where there is none), and
        cost (calls and what is lost, currency units).
    """
    owed = float((y * balance).sum())
    found = {}
    for name, score in scores.items():
        calls = reached(score, np.ones(len(y)), stretch)
        hits = reached(score, y, stretch)
        got = reached(score, y * balance, stretch)
        found[name] = pd.DataFrame(
            {
                "k": np.arange(len(calls)),
                "calls": calls,
                "precision": hits / np.maximum(calls, 1.0),
                "balance_recall": got / owed if owed > 0 else np.nan,
                "cost": calls * costs.call + (owed - got) * costs.lost,
            }
        )
        found[name].loc[0, "precision"] = np.nan
    return found


def cheapest(curve: pd.DataFrame) -> int:
    """Calls a stretch at which a curve costs least; of equal ones the fewest."""
    return int(np.argmin(curve["cost"].to_numpy()))


def shown_ks(longest: int) -> list[int]:
    """Capacities that a table shows: 1, 2, 5, 10, 20, 50, … below the longest stretch, and it."""
    steps = [lead * 10**decade for decade in range(7) for lead in (1, 2, 5)]
    return [k for k in steps if k < longest] + [longest]


def capacity_report(
    y: Floats,
    balance: Floats,
    scores: Mapping[str, Floats],
    cutoff: Ints,
    per: Per,
    costs: Costs,
    currency: str = "",
) -> dict[str, Any]:
    """Plain values of the curves: each ranking's cheapest k, and what some capacities get.

    Returns
    -------
    dict
        ``per``, ``stretches``, ``costs``, ``currency``, ``owed`` (late balance of all rows),
        ``idle_cost`` (what no calls at all cost), and for each of the ``rankings`` its
        ``cheapest`` row and its rows ``at`` the capacities of `shown_ks`.
    """
    stretch = stretch_of(cutoff, per)
    curves = capacity_curves(y, balance, scores, stretch, costs)
    longest = max(len(next(iter(curves.values()))) - 1, 0)
    return {
        "per": per,
        "stretches": int(stretch.max(initial=-1)) + 1,
        "costs": asdict(costs),
        "currency": currency,
        "owed": float((y * balance).sum()),
        "idle_cost": float((y * balance).sum() * costs.lost),
        "rankings": {
            name: {
                "cheapest": _plain(curve, cheapest(curve)),
                "at": [_plain(curve, k) for k in shown_ks(longest)] if longest else [],
            }
            for name, curve in curves.items()
        },
    }


def _plain(curve: pd.DataFrame, k: int) -> dict[str, float | None]:
    """One row of a curve; None where a figure is not defined."""
    row = curve.iloc[k]
    return {str(n): None if np.isnan(row[n]) else float(row[n]) for n in curve.columns}
