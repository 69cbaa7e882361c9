"""One invoice of a small log looked at one moment."""

from __future__ import annotations

import numpy as np

from eventlog.log import EventLog, micros
from eventlog.policy import Policy
from eventlog.rates import Rates, rates_for
from features.attributes import Encoding, choose_encoding
from features.matrix import build_matrix
from features.snapshots import Snapshots


def look(
    log: EventLog,
    invoice: str,
    when: str,
    *,
    rates: Rates | None = None,
    encoding: Encoding | None = None,
) -> dict[str, float]:
    """Every feature of an invoice at a moment, by name; the encoding is that of the whole log."""
    code = np.flatnonzero(log.invoice_keys["invoice"] == invoice).astype(np.int32)
    assert len(code) == 1, invoice
    policy = Policy()
    matrix = build_matrix(
        log,
        Snapshots(code, np.array([micros(when)])),
        encoding or whole_encoding(log),
        policy,
        rates_for(log, rates),
    )
    return dict(zip(matrix.columns, matrix.values[0].tolist(), strict=True))


def whole_encoding(log: EventLog) -> Encoding:
    """The encoding from every row."""
    return choose_encoding(log, log.ends_at + 1)
