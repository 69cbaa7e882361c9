"""Letters called for and letters sent as tables that a person reads, one row a letter."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.conformance import Conformance
from eventlog.dunning import NO_DAYS, Sent, Verdict
from eventlog.log import EventLog, datetimes, units
from eventlog.rates import currency_of_invoices


def required_table(log: EventLog, found: Conformance) -> pd.DataFrame:
    """Every letter that was called for, one row each, as a person reads it.

    Returns
    -------
    DataFrame of shape (n_required, 10)
        Times are naive UTC, missing where there is none; ``balance`` is in the invoice's own
        ``currency``.
    """
    required = found.required
    invoice = required["invoice"]
    return pd.DataFrame(
        {
            "company": log.invoice_keys["company"].to_numpy()[invoice],
            "invoice": log.invoice_keys["invoice"].to_numpy()[invoice],
            "customer": log.customer_keys["customer"].to_numpy()[log.invoice_customer[invoice]],
            "level": required["level"],
            "verdict": _words(required["verdict"], Verdict),
            "due_at": datetimes(required["due_at"].copy()),
            "deadline": datetimes(required["deadline"].copy()),
            "sent_at": datetimes(required["sent_at"].copy()),
            "days": required["days"],
            "balance": units(required["balance"]),
            "currency": currency_of_invoices(log)[invoice],
        }
    )


def letter_table(log: EventLog, found: Conformance) -> pd.DataFrame:
    """Every letter that was sent, one row each, as a person reads it.

    Returns
    -------
    DataFrame of shape (n_letters, 7)
        ``days`` is missing for levels outside the policy and without a due date.
    """
    sent = found.sent
    invoice = sent["invoice"]
    days = np.where(sent["days"] == NO_DAYS, np.nan, sent["days"])
    return pd.DataFrame(
        {
            "company": log.invoice_keys["company"].to_numpy()[invoice],
            "invoice": log.invoice_keys["invoice"].to_numpy()[invoice],
            "customer": log.customer_keys["customer"].to_numpy()[log.invoice_customer[invoice]],
            "level": sent["level"],
            "verdict": _words(sent["verdict"], Sent),
            "sent_at": datetimes(sent["sent_at"].copy()),
            "days": days,
        }
    )


def _words(code: NDArray[np.int8], names: type[Verdict] | type[Sent]) -> NDArray[np.object_]:
    """Codes as words: "on time", "not yet"."""
    words = np.array([each.name.lower().replace("_", " ") for each in names], dtype=object)
    return words[code]
