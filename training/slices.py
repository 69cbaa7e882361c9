"""Ways to cut test rows into groups: who the customer is, what the invoice is, how far it has come.

The last two, by the number of events seen and by the days since posting, are the prefixes of
predictive process monitoring: quality at prefix length 1, 2, 3, … is what that literature reports
(Teinemaa et al. 2019), so figures here can be set beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eventlog.ledger import BUCKETS, NO_DUE_DATE, bucket_of_days
from eventlog.policy import Policy
from features.attributes import Encoding
from features.matrix import Matrix
from training.evaluation import Slices, history_band, month_of
from training.examples import Examples

Floats = NDArray[np.float64]
Labels = NDArray[np.object_]

#: Prefix lengths that are told apart; longer ones are one group.
LONGEST_PREFIX = 10
_SINCE_POSTING = (1.0, 8.0, 15.0, 31.0, 61.0, 91.0, 181.0, 366.0)
NOT_STATED = "not stated"


def cut_into_slices(
    train: Examples,
    test: Examples,
    has_customers: bool,
    encoding: Encoding | None = None,
    policy: Policy | None = None,
    currency: str = "",
) -> Slices:
    """Test rows by all that `slices_of` tells apart, and by whether training has seen them.

    Parameters
    ----------
    train, test : Examples
    has_customers : bool
        Whether the log names customers. With them, ``customer`` tells those of training from
        others, and ``invoice_in_training`` does so for invoices; without, ``invoice`` does.
    encoding, policy, currency
        See `slices_of`.
    """
    found = slices_of(test.matrix, encoding, policy, currency)
    known = _seen(np.isin(test.customer, train.customers))
    found = found.with_cut("customer" if has_customers else "invoice", *known)
    if has_customers and train.whole is None:  # else these are the rows of some customers only
        tested, trained = test.matrix.snapshots.invoice, train.matrix.snapshots.invoice
        found = found.with_cut("invoice_in_training", *_seen(np.isin(tested, trained)))
    return found


def slices_of(
    matrix: Matrix,
    encoding: Encoding | None = None,
    policy: Policy | None = None,
    currency: str = "",
) -> Slices:
    """Rows by everything in their matrix that a model's quality may depend on.

    Parameters
    ----------
    matrix : Matrix of shape (n, n_columns)
    encoding : Encoding, optional
        Gives segments and countries their names; without, they are no cut.
    policy : Policy, optional
        Says from when on an invoice is late; without, the phase is no cut.
    currency : str
        What amounts are in, for the names of their bands.
    """
    months = month_of(matrix.snapshots.cutoff)
    found = Slices({}).with_cut("cutoff", months, tuple(sorted(set(months))))
    days = matrix["days_past_due"].astype(np.float64)
    if policy is not None:
        found = found.with_cut("phase", *_phase(days, policy.late_after_days))
    found = found.with_cut("ageing_bucket", bucket_of_days(days), (*BUCKETS, NO_DUE_DATE))
    for name in ("segment", "country"):
        if encoding is not None and encoding.levels.get(name):
            found = found.with_cut(name, *_levels(matrix, name, encoding.levels[name]))
    found = found.with_cut("amount", *amount_band(matrix["amount"].astype(np.float64), currency))
    depth = history_band(matrix["history_depth"].astype(np.float64))
    found = found.with_cut("history_depth", depth, ("0", "1-4", "5+", "no customer"))
    found = found.with_cut("events_seen", *_prefix_length(matrix["n_events"].astype(np.float64)))
    return found.with_cut("days_since_posting", *_since_posting(matrix))


def _phase(days_past_due: Floats, late_after_days: int) -> tuple[Labels, tuple[str, ...]]:
    """Phase by days past due; as `training.labels.phase` has it."""
    words = np.where(days_past_due > late_after_days, "late", "not yet late").astype(object)
    words[np.isnan(days_past_due)] = "no due date"
    return words, ("not yet late", "late", "no due date")


def _levels(matrix: Matrix, name: str, levels: Sequence[str]) -> tuple[Labels, tuple[str, ...]]:
    """Names of a category's levels, which the encoding has most frequent first."""
    names = np.array([*levels, NOT_STATED], dtype=object)
    code = np.nan_to_num(matrix[name], nan=len(levels)).astype(np.int64)
    return names[code], (*levels, NOT_STATED)


def _seen(known: NDArray[np.bool_]) -> tuple[Labels, tuple[str, ...]]:
    names = ("seen in training", "unseen")
    return np.where(known, *names).astype(object), names


def amount_band(amount: Floats, currency: str = "") -> tuple[Labels, tuple[str, ...]]:
    """Amounts between 1, 3, 10, 30, 100, … units of the currency, each bound in the upper band.

    Bounds are the same for every log and date, so bands can be compared between tests.
    """
    bounds = [lead * 10.0**decade for decade in range(13) for lead in (1, 3)]
    return _banded(amount, bounds, unit=currency, missing=NOT_STATED)


def _prefix_length(n_events: Floats) -> tuple[Labels, tuple[str, ...]]:
    """Number of events seen; more than `LONGEST_PREFIX` are one group."""
    names = (*(str(n) for n in range(LONGEST_PREFIX + 1)), f"over {LONGEST_PREFIX}")
    code = np.minimum(n_events, LONGEST_PREFIX + 1).astype(np.int64)
    return np.array(names, dtype=object)[code], names


def _since_posting(matrix: Matrix) -> tuple[Labels, tuple[str, ...]]:
    """Days since posting, from the age and the days from the first event to posting."""
    days = np.floor(matrix["age_days"] - matrix["posting_lag_days"] + 1e-3).astype(np.float64)
    return _banded(days, _SINCE_POSTING, missing="not posted", whole=True)


def _banded(
    values: Floats, bounds: Sequence[float], *, unit: str = "", missing: str, whole: bool = False
) -> tuple[Labels, tuple[str, ...]]:
    """Name of the band between two bounds that each value lies in; ``missing`` for NaN.

    Parameters
    ----------
    bounds : sequence of float
        Rising; each is the least value of the band above it.
    whole : bool
        Values are whole numbers, so a band ends one below the next bound.
    """
    after = f" {unit}" if unit else ""
    tops = [bound - 1 if whole else bound for bound in bounds]
    first = f"{tops[0]:,.0f}{after}" if whole else f"under {tops[0]:,.0f}{after}"
    between = [
        f"{low:,.0f}-{top:,.0f}{after}" for low, top in zip(bounds[:-1], tops[1:], strict=True)
    ]
    last = f"{bounds[-1]:,.0f}{after} and over"
    names = (first, *between, last, missing)
    place = np.searchsorted(bounds, np.nan_to_num(values), side="right")
    return np.array(names, dtype=object)[np.where(np.isnan(values), len(names) - 1, place)], names
