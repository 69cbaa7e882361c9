"""An invoice is listed at exactly the moments at which the ledger has it open."""

import numpy as np
import pytest

from eventlog.ledger import is_open
from eventlog.open_invoices import open_at
from tests.features.drawn import cutoffs_of, ledger_of, random_log


@pytest.mark.parametrize("seed", range(8))
def test_what_is_listed_is_what_the_ledger_has_open(seed):
    ledger, cutoffs = ledger_of(seed), np.array(cutoffs_of(seed), dtype=np.int64)
    n = random_log(seed).n_invoices
    invoice, place = open_at(ledger, cutoffs)
    expected = []
    for i, cutoff in enumerate(cutoffs.tolist()):
        states = ledger.as_of(np.arange(n, dtype=np.int32), np.full(n, cutoff))
        expected += [(i, int(each)) for each in np.flatnonzero(is_open(states))]
    assert list(zip(place.tolist(), invoice.tolist(), strict=True)) == expected


def test_without_moments_nothing_is_listed():
    invoice, place = open_at(ledger_of(0), np.empty(0, dtype=np.int64))
    assert (len(invoice), len(place)) == (0, 0)
