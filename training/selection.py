"""Which columns belong together, and which of them a model could do without.

Columns are left out in the groups of the catalogue, because the members of a group stand in for
each other: a single column's gain says little where five others tell nearly the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import lightgbm as lgb
import numpy as np

from features.catalogue import feature_of

Columns = tuple[str, ...]


def families_of(columns: Iterable[str]) -> dict[str, Columns]:
    """Columns by family of the catalogue; the log's additional attributes are ``attribute``."""
    return _by(columns, {name: feature_of(name).family for name in columns})


def groups_of(columns: Iterable[str]) -> dict[str, Columns]:
    """Columns by what they tell a person; each additional attribute is a group of its own."""
    return _by(columns, {name: feature_of(name).group for name in columns})


def _by(columns: Iterable[str], kind: Mapping[str, str]) -> dict[str, Columns]:
    found: dict[str, list[str]] = {}
    for name in columns:
        found.setdefault(kind[name], []).append(name)
    return {name: tuple(members) for name, members in found.items()}


def gain_of_groups(booster: lgb.Booster, columns: Columns) -> dict[str, float]:
    """Share of a booster's gain that each group of columns brought, least first.

    Parameters
    ----------
    columns : tuple of str
        What the booster was fitted on, in its order.

    Returns
    -------
    dict of str to float
        Adds up to 1; all 0 for a booster without a split.
    """
    gain = np.asarray(booster.feature_importance("gain"), dtype=np.float64)
    whole = gain.sum() or 1.0
    place = {name: i for i, name in enumerate(columns)}
    share = {
        group: float(gain[[place[name] for name in members]].sum() / whole)
        for group, members in groups_of(columns).items()
    }
    return dict(sorted(share.items(), key=lambda pair: pair[1]))


def weakest(gain: Mapping[str, float], columns: Columns, most: float) -> Columns:
    """Columns of the groups that bring least, as many as bring at most a share together.

    Parameters
    ----------
    gain : mapping of str to float
        From `gain_of_groups`.
    most : float
        Share of the gain given up, 0 to 1; 0 leaves nothing out, not even what brought nothing.
    """
    if most <= 0:
        return ()
    ordered = sorted(gain.items(), key=lambda pair: pair[1])
    given_up = np.cumsum([share for _, share in ordered])
    dropped = {
        name for (name, _), sum_so_far in zip(ordered, given_up, strict=True) if sum_so_far <= most
    }
    return tuple(name for name in columns if feature_of(name).group in dropped)
