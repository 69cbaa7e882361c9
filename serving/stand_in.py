"""What is said of late payment where no model serves: each customer's own share of late invoices.

A log with too short a history for a model, or a model that its own test refuses, leaves the record
of the single customers. Drawn towards the share of the whole company, as known at the cutoff, it is
the hardest of the plain rivals to beat; no test has judged its level.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.customer import LATE_AT_FIRST, PRIOR_CASES
from features.matrix import Matrix
from features.peers import Outcomes

Floats = NDArray[np.float64]

#: What stands for a model's version where customers' own shares stand in for one.
CUSTOMERS_SHARE = "customer's share"
#: Cases' worth of `features.customer.LATE_AT_FIRST` that the company's own share is mixed with.
PRIOR_OF_COMPANY = 50.0


def late_share_of_all(outcomes: Outcomes) -> float:
    """Share of late invoices among all of a company that have matured, 0 to 1.

    Parameters
    ----------
    outcomes : features.peers.Outcomes
        Of the whole log, at the cutoff; group 0 is everybody.
    """
    matured, late = outcomes.counts[outcomes.group == 0, :2].sum(axis=0).tolist()
    return (late + LATE_AT_FIRST * PRIOR_OF_COMPANY) / (matured + PRIOR_OF_COMPANY)


def customers_share(matrix: Matrix, of_all: float) -> Floats:
    """Share of late invoices among the customer's other ones, drawn towards that of all.

    Parameters
    ----------
    matrix : Matrix of shape (n, n_columns)
    of_all : float
        From `late_share_of_all`; takes the place of the constant that ``late_share`` is drawn to.

    Returns
    -------
    ndarray of float64, shape (n,)
        0 to 1; ``of_all`` where the log names no customer.
    """
    own = matrix["late_share"].astype(np.float64)
    decided = matrix["history_depth"].astype(np.float64) + matrix["n_overdue"]
    moved = PRIOR_CASES * (of_all - LATE_AT_FIRST) / (decided + PRIOR_CASES)
    return np.where(np.isnan(own), of_all, np.clip(own + np.nan_to_num(moved), 0.0, 1.0))
