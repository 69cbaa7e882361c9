"""An invoice's process history as a vertical time line: what happened, and how long after what."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd

from eventlog.template import Role, role_of
from serving.history import PROMISE_BROKEN
from ui.wording import day, missing, moment, money, span

#: Kind of event -> colour, in the order of a legend.
COLOURS = {
    "issued": "#2f5d8a",
    "due": "#7b8794",
    "contact": "#5b8db8",
    "letter": "#c98a1b",
    "dispute": "#b4532a",
    "promise": "#7a5ea8",
    "payment": "#3f8f5f",
    "credit": "#6fae8a",
    "loss": "#8c2f39",
    "other": "#9aa5b1",
}
_KINDS = {
    Role.GENERATED: "issued",
    Role.POSTED: "issued",
    Role.DUE_PASSED: "due",
    Role.CONTACT: "contact",
    Role.REMINDER: "contact",
    Role.LETTER: "letter",
    Role.AGENCY: "letter",
    Role.DISPUTE_OPENED: "dispute",
    Role.DISPUTE_CLOSED: "dispute",
    Role.PROMISE: "promise",
    Role.RECEIVED: "payment",
    Role.PAYMENT_POSTED: "payment",
    Role.SETTLED: "payment",
    Role.RECOVERED: "payment",
    Role.CREDITED: "credit",
    Role.REVERSED: "loss",
    Role.WRITTEN_OFF: "loss",
}

_STYLE = """<style>
.dc-line {margin-left: 7px; padding-left: 1.3rem; border-left: 2px solid #dde3e9;}
.dc-gap {font-size: .8rem; opacity: .62; padding: .5rem 0;}
.dc-event {position: relative; display: flex; gap: 1rem; justify-content: space-between;}
.dc-event::before {content: ""; position: absolute; left: calc(-1.3rem - 8px); top: .35rem;
  width: 14px; height: 14px; box-sizing: border-box; border-radius: 50%;
  background: var(--dot); border: 3px solid var(--dot); outline: 3px solid #ffffff;}
.dc-calculated::before {background: #ffffff;}
.dc-what {font-weight: 600;}
.dc-when, .dc-note {font-size: .85rem; opacity: .72;}
.dc-money {font-size: .88rem; font-variant-numeric: tabular-nums; text-align: right;
  white-space: nowrap;}
.dc-after {opacity: .62;}
.dc-tag {font-size: .72rem; border: 1px solid #cbd2d9; border-radius: 4px; padding: 0 .3rem;
  margin-left: .4rem; opacity: .8;}
.dc-end {padding-top: .8rem; font-size: .88rem; opacity: .8;}
</style>"""


def event_kinds(activity: pd.Series[str]) -> pd.Series[str]:
    """Kind of each event by its activity, a key of `COLOURS`."""
    kinds = activity.astype(str).map(lambda name: _KINDS.get(role_of(name), "other"))
    return kinds.mask(activity == PROMISE_BROKEN, "promise")


def timeline(events: pd.DataFrame, cutoff: pd.Timestamp, currency: str | None) -> str:
    """HTML of one invoice's events, oldest first, with the gaps between them.

    Parameters
    ----------
    events : DataFrame of shape (n_events,)
        ``activity, event_time, gap_days, amount, balance, detail, calculated`` of
        `serving.history.Story`; at least one row. Texts are escaped here.
    cutoff : Timestamp
        Until when the silence at the end is counted.
    currency : str or None
        Of amounts and balances.
    """
    colour = event_kinds(events["activity"]).map(COLOURS)
    calculated = events["calculated"].astype("boolean").fillna(False).astype(bool)
    moved = events["amount"].map(lambda value: "" if missing(value) else money(value, currency))
    after = events["balance"].map(
        lambda value: "" if missing(value) else f"balance {money(value, currency)}"
    )
    items = (
        events["gap_days"].map(_gap)
        + pd.Series(
            np.where(calculated, "dc-event dc-calculated", "dc-event"), index=events.index
        ).map('<div class="{}"'.format)
        + ' style="--dot: '
        + colour
        + '"><div><span class="dc-what">'
        + events["activity"].astype(str).map(escape)
        + "</span>"
        + np.where(calculated, '<span class="dc-tag">calculated</span>', "")
        + _line("dc-when", events["event_time"].map(_when))
        + _line("dc-note", events["detail"].map(lambda t: "" if missing(t) else escape(str(t))))
        + '</div><div class="dc-money">'
        + moved.map(escape)
        + _line("dc-after", after.map(escape))
        + "</div></div>"
    )
    return (
        f'{_STYLE}<div class="dc-line">{"".join(items)}'
        f'<div class="dc-end">{escape(silence(events, cutoff))}</div></div>'
    )


def silence(events: pd.DataFrame, cutoff: pd.Timestamp) -> str:
    """How long nothing has happened before the cutoff."""
    last = events["event_time"].max()
    days = (cutoff - last).total_seconds() / 86_400
    return f"Nothing since, for {span(max(days, 0.0))} until the cutoff, {moment(cutoff)}."


def _when(stamp: pd.Timestamp) -> str:
    """A moment; the day alone where the log had no time (its first or last microsecond)."""
    last = stamp.normalize() + pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
    return day(stamp) if stamp in (stamp.normalize(), last) else moment(stamp)


def _gap(days: float) -> str:
    """The pause before an event; nothing before the first."""
    if missing(days):
        return ""
    if days < -1 / 1440:  # learned of after the event before it
        words = f"dated {span(-days)} earlier"
    else:
        words = "at the same time" if days < 1 / 1440 else f"{span(days)} later"
    return f'<div class="dc-gap">{words}</div>'


def _line(style: str, words: pd.Series[str]) -> pd.Series[str]:
    return (f'<div class="{style}">' + words + "</div>").where(words != "", "")
