"""Customer and peer features by plain loops over what the ledger says: slow, and easy to believe.

Everything is recomputed invoice by invoice from `Ledger.as_of` and from the invoices' own steps;
nothing of `features.running_totals` is used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from eventlog.fold import Closed, Matured
from eventlog.ledger import Ledger, is_open
from eventlog.log import DAY, MINOR, NONE, EventLog
from eventlog.rates import Rates, currency_of_invoices
from eventlog.template import Role
from features.customer import KEPT_AT_FIRST, LATE_AT_FIRST, LONGEST_TENURE, PRIOR_CASES
from features.peers import PRIOR_CASES as PEER_CASES

Answer = dict[str, float]
_NAN = float("nan")


def _over(part: float, whole: float) -> float:
    return part / whole if whole else _NAN


def _share(part: float, whole: float) -> float:
    return min(max(part / whole, 0.0), 1.0) if whole > 0 else _NAN


@dataclass
class Oracle:
    """One snapshot looked at: an invoice, a cutoff, and the log they belong to."""

    log: EventLog
    ledger: Ledger
    rates: Rates
    invoice: int
    cutoff: int
    looked_up: dict[tuple[int, int], np.void] = field(default_factory=dict)

    def state(self, invoice: int, days_ago: int = 0) -> np.void:
        asked = invoice, days_ago
        if asked not in self.looked_up:
            moment = np.array([self.cutoff - days_ago * DAY])
            found = self.ledger.as_of(np.array([invoice], dtype=np.int32), moment)
            self.looked_up[asked] = found[0]
        return self.looked_up[asked]

    def steps(self, invoice: int) -> np.ndarray:
        own = self.ledger.steps[self.ledger.offsets[invoice] : self.ledger.offsets[invoice + 1]]
        return own[own["known_at"] <= self.cutoff]

    @property
    def siblings(self) -> list[int]:
        """All invoices of the snapshot's customer, its own among them."""
        owner = self.log.invoice_customer
        return np.flatnonzero(owner == owner[self.invoice]).tolist()

    @property
    def others(self) -> list[int]:
        return [invoice for invoice in self.siblings if invoice != self.invoice]

    def currency(self, state: np.void) -> str:
        """Currency of a state's invoice, once a row known by then has stated it."""
        column = self.log.columns["CurrencyCode"]
        rows = (self.log.invoice == state["invoice"]) & column.stated()
        if not (rows & (self.log.known_at <= state["known_at"])).any():
            return ""
        return str(currency_of_invoices(self.log)[state["invoice"]])

    def money(self, state: np.void, name: str) -> float:
        """A state's amount in whole minor units of the reporting currency; unknown is 0."""
        if state[name] == NONE:
            return 0.0
        currency = np.array([self.currency(state)], dtype=object)
        rate = self.rates.of(currency, state["known_at"].reshape(1))[0]
        return float(np.rint(state[name] * rate)) if rate != 1.0 else float(state[name])

    def total(self, what: Callable[[np.void], float], look_back: int = 0) -> float:
        """Sum over the other invoices: as it stands, or less what it was some days ago."""
        now = sum(float(what(self.state(invoice))) for invoice in self.others)
        if not look_back:
            return now
        return now - sum(float(what(self.state(invoice, look_back))) for invoice in self.others)

    def turns(self, invoice: int, is_so: Callable[[np.void], bool]) -> Iterator[np.void]:
        """Steps at which something comes to be so that was not so before."""
        before = False
        for step in self.steps(invoice):
            if is_so(step) and not before:
                yield step
            before = is_so(step)

    def faded(self, steps: list[np.void], half_life: int, weight: Callable[..., float]) -> float:
        age = [(self.cutoff - int(step["known_at"])) / DAY for step in steps]
        pairs = zip(steps, age, strict=True)
        return math.fsum(weight(step) * 0.5 ** (days / half_life) for step, days in pairs)


def _is_open(s: np.void) -> bool:
    return bool(is_open(s.reshape(1))[0])


def _is_paid(s: np.void) -> bool:
    return s["closed"] == Closed.PAID and s["due_date"] != NONE


def _is_matured(s: np.void) -> bool:
    return s["matured"] in (Matured.ON_TIME, Matured.LATE)


def _days_late(s: np.void) -> int:
    if not _is_paid(s):
        return 0
    return min(max(int(s["closed_at"]) // DAY - int(s["due_date"]) // DAY, -90), 365)


def _days_past_due(s: np.void, cutoff: int) -> int | None:
    return None if s["due_date"] == NONE else cutoff // DAY - int(s["due_date"]) // DAY


def customer_answers(at: Oracle) -> Answer:
    """Every feature of the customer's other invoices, by definition."""
    found = _open_items(at) | _lateness(at) | _habits(at) | _rhythm(at) | _limit(at)
    return found | _past_payments(at) | _due_around(at) | _alike(at)


def _open_items(at: Oracle) -> Answer:
    found = {
        "n_open": 0,
        "open_balance": 0.0,
        "n_overdue": 0,
        "overdue_balance": 0.0,
        "n_in_dispute": 0,
    }
    for bucket in ("1_30", "31_60", "61_90", "over_90"):
        found |= {f"overdue_{bucket}": 0.0, f"n_overdue_{bucket}": 0}
    oldest = None
    for invoice in at.others:
        s = at.state(invoice)
        found["n_in_dispute"] += int(s["disputed"])
        if not _is_open(s):
            continue
        balance = at.money(s, "balance") / MINOR
        found["n_open"] += 1
        found["open_balance"] += balance
        days = _days_past_due(s, at.cutoff)
        if days is None or days < 1:
            continue
        if days > 90:
            bucket = "over_90"
        else:
            bucket = "1_30" if days < 31 else "31_60" if days < 61 else "61_90"
        found["n_overdue"] += 1
        found["overdue_balance"] += balance
        found[f"overdue_{bucket}"] += balance
        found[f"n_overdue_{bucket}"] += 1
        oldest = min(int(s["due_date"]), oldest or int(s["due_date"]))
    found["share_overdue"] = _share(found["overdue_balance"], found["open_balance"])
    found["oldest_overdue_days"] = _NAN if oldest is None else (at.cutoff - oldest) / DAY
    return found


def _due_around(at: Oracle) -> Answer:
    """The other open invoices by how many days after this one's due date they fall due."""
    mine = at.state(at.invoice)["due_date"]
    states = [at.state(invoice) for invoice in at.others]
    states = [s for s in states if _is_open(s) and s["due_date"] != NONE]
    days = [int(s["due_date"]) // DAY - int(mine) // DAY for s in states]
    balance = [at.money(s, "balance") / MINOR for s in states]

    def n_due(when: Callable[[int], bool]) -> float:
        return sum(when(day) for day in days) if mine != NONE else _NAN

    def owed(when: Callable[[int], bool]) -> float:
        pairs = zip(days, balance, strict=True)
        return sum(money for day, money in pairs if when(day)) if mine != NONE else _NAN

    return {
        "n_due_same_day": n_due(lambda day: day == 0),
        "balance_due_same_day": owed(lambda day: day == 0),
        "balance_due_within_7": owed(lambda day: abs(day) <= 7),
        "days_to_nearest_due": min(map(abs, days)) if days and mine != NONE else _NAN,
    }


def _term(s: np.void) -> int | None:
    """Days from posting or else issue to the due date."""
    issued = s["issued_at"] if s["posted_at"] == NONE else s["posted_at"]
    known = s["due_date"] != NONE and issued != NONE
    return int(s["due_date"]) // DAY - int(issued) // DAY if known else None


def _alike(at: Oracle) -> Answer:
    """The customer's matured others, weighed by how much they are like the snapshot's invoice."""
    mine = at.state(at.invoice)

    def fraction(one: float | None, other: float | None, width: float) -> float:
        return 0.2 if one is None or other is None else 1 / (1 + ((one - other) / width) ** 2)

    def size(s: np.void) -> float | None:
        return None if s["amount"] == NONE else math.log(max(at.money(s, "amount") / MINOR, 1.0))

    weight = slipped = days = 0.0
    terms = []
    for invoice in at.others:
        s = at.state(invoice)
        if s["issued_at"] != NONE and s["due_date"] != NONE:
            terms.append(_term(s))
        if not _is_matured(s):
            continue
        since = list(at.turns(invoice, _is_matured))[-1]["known_at"]
        w = 0.5 ** ((at.cutoff - int(since)) / DAY / 180)
        w *= fraction(size(s), size(mine), 0.35) * fraction(_term(s), _term(mine), 4)
        paid_on = s["closed_at"] if s["closed"] == Closed.PAID else at.cutoff
        late = int(paid_on) // DAY - int(s["due_date"]) // DAY
        weight += w
        slipped += w * (late > 0)
        days += w * min(max(late, -30), 60)
    own = _term(mine)
    return {
        "slipped_share_alike": (slipped + 0.1) / (weight + 1),
        "mean_days_late_alike": days / weight if weight >= 1e-3 else _NAN,
        "term_to_usual": own - sum(terms) / len(terms) if terms and own is not None else _NAN,
    }


def _lateness(at: Oracle) -> Answer:
    found: Answer = {}
    for suffix, days in (("", 0), ("_365", 365), ("_90", 90)):
        matured = max(at.total(_is_matured, days), 0.0)
        late = min(max(at.total(lambda s: s["matured"] == Matured.LATE, days), 0.0), matured)
        found[f"late_share{suffix}"] = (late + PRIOR_CASES * LATE_AT_FIRST) / (
            matured + PRIOR_CASES
        )
        found[f"late_amount_share{suffix}"] = _share(
            at.total(lambda s: at.money(s, "amount") * (s["matured"] == Matured.LATE), days),
            at.total(lambda s: at.money(s, "amount") * _is_matured(s), days),
        )
        paid = at.total(_is_paid, days)
        found[f"mean_days_late{suffix}"] = at.total(_days_late, days) / paid if paid > 0 else _NAN
    late_days = [_days_late(at.state(i)) for i in at.others if _is_paid(at.state(i))]
    found["spread_days_late"] = float(np.std(late_days)) if late_days else _NAN
    ripe = [step for invoice in at.others for step in at.turns(invoice, _is_matured)]
    paid = [step for i in at.others for step in _payments(at, i)]
    for half_life in (30, 180):
        n_ripe = at.faded(ripe, half_life, lambda _: 1.0)
        n_late = at.faded(ripe, half_life, lambda s: float(s["matured"] == Matured.LATE))
        found[f"late_share_decayed_{half_life}"] = (n_late + LATE_AT_FIRST) / (n_ripe + 1)
        n_paid = at.faded(paid, half_life, lambda _: 1.0)
        found[f"mean_days_late_decayed_{half_life}"] = (
            at.faded(paid, half_life, lambda s: float(_days_late(s))) / n_paid
            if n_paid >= 1e-3
            else _NAN
        )
    found["late_share_trend"] = found["late_share_decayed_30"] - found["late_share_decayed_180"]
    return found


def _payments(at: Oracle, invoice: int) -> list[np.void]:
    """Steps at which an invoice with a due date came to be closed by payment."""
    return [s for s in at.turns(invoice, lambda s: s["closed"] == Closed.PAID) if _is_paid(s)]


def _past_payments(at: Oracle) -> Answer:
    """The customer's payments, latest last known; those of the invoice itself that bounced too."""
    payments = [step for invoice in at.siblings for step in _payments(at, invoice)]
    payments.sort(key=lambda s: (int(s["known_at"]), _days_late(s), int(s["closed_at"])))
    found = {f"days_late_{n}_ago": _NAN for n in (1, 2, 3)}
    for n, step in enumerate(payments[::-1][:3], start=1):
        found[f"days_late_{n}_ago"] = float(_days_late(step))
    found["days_since_customer_paid"] = (
        (at.cutoff - int(payments[-1]["closed_at"])) / DAY if payments else _NAN
    )
    return found


def _habits(at: Oracle) -> Answer:
    def has_issued(s: np.void) -> bool:
        return s["issued_at"] != NONE

    issued, closed = at.total(has_issued), at.total(lambda s: s["closed"] != Closed.OPEN)
    lost = at.total(lambda s: s["written_off_at"] != NONE)
    found: Answer = {
        "history_depth": closed,
        "n_written_off": lost,
        "share_written_off": _share(lost, closed),
        "share_paid_in_parts": _share(
            at.total(lambda s: _is_paid(s) and s["n_payments"] > 1), at.total(_is_paid)
        ),
        "mean_dispute_days": _over(
            at.total(lambda s: s["dispute_time"] // DAY),
            at.total(lambda s: s["dispute_time"] > 0),
        ),
        "contacts_per_invoice": _over(at.total(lambda s: s["n_contacts"]), issued),
        "n_promises_matured": at.total(lambda s: s["n_kept"] + s["n_broken"]),
        "n_issued_90": at.total(has_issued, 90),
    }
    for suffix, days in (("", 0), ("_365", 365)):
        issued = at.total(has_issued, days)
        found[f"dispute_rate{suffix}"] = _share(
            at.total(lambda s: s["n_disputes"] > 0, days), issued
        )
        found[f"letters_per_invoice{suffix}"] = _over(
            at.total(lambda s: s["n_letters"], days), issued
        )
        ended = at.total(lambda s: s["n_kept"] + s["n_broken"], days)
        kept = min(max(at.total(lambda s: s["n_kept"], days), 0.0), ended)
        found[f"promise_kept_ratio{suffix}"] = (kept + 2 * KEPT_AT_FIRST) / (ended + 2)
    return found


def _rhythm(at: Oracle) -> Answer:
    issued = {
        invoice: int(at.state(invoice)["issued_at"])
        for invoice in at.siblings
        if at.state(invoice)["issued_at"] != NONE
    }
    mine = issued[at.invoice]
    times = sorted(issued.values())
    earlier = [moment for moment in times if moment < mine]
    amounts = [
        at.money(at.state(invoice), "amount") / MINOR
        for invoice in at.others
        if invoice in issued and at.state(invoice)["amount"] != NONE
    ]
    usual = sum(amounts) / len(amounts) if amounts else _NAN
    own = at.state(at.invoice)
    amount = _NAN if own["amount"] == NONE else at.money(own, "amount") / MINOR
    return {
        "tenure_days": min((at.cutoff - times[0]) / DAY, LONGEST_TENURE),
        "order_gap_days": (
            (times[-1] - times[0]) / DAY / (len(times) - 1) if len(times) > 1 else _NAN
        ),
        "days_since_previous_invoice": (mine - earlier[-1]) / DAY if earlier else _NAN,
        "n_issued_same_day": sum(t // DAY == mine // DAY for t in times) - 1,
        "usual_amount": usual,
        "amount_to_usual": amount / usual if usual else _NAN,
    }


def _limit(at: Oracle) -> Answer:
    """The credit limit: set by its own events, on other rows only where it changes."""
    log = at.log
    owner = int(log.invoice_customer[at.invoice])
    limit = log.money("CreditLimit")
    rows = [
        row
        for row in np.flatnonzero((log.customer == owner) & (limit != NONE))
        if log.known_at[row] <= at.cutoff
    ]
    rows.sort(key=lambda row: log.known_at[row])
    value, since, changes, shown = _NAN, _NAN, 0, None
    for row in rows:
        new = int(limit[row])
        if shown is not None and new != shown:
            changes += 1
        if log.role[row] == Role.LIMIT_CHANGED or (shown is not None and new != shown):
            value, since = new / MINOR, int(log.known_at[row])
        shown = new
    states = [at.state(invoice) for invoice in at.siblings]
    open_balance = sum(at.money(s, "balance") for s in states if _is_open(s))
    return {
        "credit_limit": value,
        "credit_limit_usage": _over(open_balance / MINOR, value),
        "n_limit_changes": changes,
        "days_since_limit_change": (at.cutoff - since) / DAY,
    }


def peer_answers(at: Oracle) -> Answer:
    """Late and write-off rates of the invoice's groups over those of all, by definition."""
    everyone = range(at.log.n_invoices)
    ripe = [step for invoice in everyone for step in at.turns(invoice, _is_matured)]
    ended = [
        step
        for invoice in everyone
        for step in at.turns(invoice, lambda s: s["closed"] != Closed.OPEN)
    ]
    found: Answer = {}
    for outcome, steps, hit in (
        ("late_ratio", ripe, lambda s: s["matured"] == Matured.LATE),
        ("write_off_ratio", ended, lambda s: s["written_off_at"] != NONE),
    ):
        whole = _over(sum(hit(step) for step in steps), len(steps))
        for name, group in _groups(at).items():
            mine = group(at.steps(at.invoice)[-1])
            peers = [step for step in steps if mine is not None and group(step) == mine]
            rate = sum(hit(step) for step in peers) + PEER_CASES * whole
            rate /= len(peers) + PEER_CASES
            found[f"{name}_{outcome}"] = rate / whole if whole > 0 else 1.0
    return found


def _groups(at: Oracle) -> dict[str, Callable[[np.void], object]]:
    """What puts an invoice's state into a group, by grouping; None is in no group."""

    def size(s: np.void) -> int:
        units = at.money(s, "amount") / MINOR
        return 0 if units <= 1 else min(math.ceil(2 * math.log10(units)), 19)

    return {
        "segment": lambda s: _last_stated(at, s, "CustomerSegment"),
        "country": lambda s: _last_stated(at, s, "Country"),
        "size": size,
        "level": lambda s: min(int(s["level"]), 9),
    }


def _last_stated(at: Oracle, s: np.void, name: str) -> str | None:
    """A text as last stated on the invoice's rows up to the event that made a state."""
    column, rows = at.log.columns[name], at.log.of_invoice
    own = at.steps(int(s["invoice"]))
    event = max(int(step["event"]) for step in own if step["n_events"] <= s["n_events"])
    told = None
    for position in range(int(at.log.invoice_starts[s["invoice"]]), event + 1):
        code = int(column.values[rows[position]])
        told = column.levels[code] if code >= 0 else told
    return told
