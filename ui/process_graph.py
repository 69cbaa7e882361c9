"""A process map as a graph to be drawn: its nodes and edges in words, and its DOT text.

Thickness tells how many invoices take a step, colour how long it takes, and the three steps in
which most overdue money waits are numbered. The same map gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eventlog.log import timestamp
from eventlog.process.main_flow import MainFlow
from eventlog.process.process_map import STILL_OPEN, ProcessMap

#: Median days up to which a step has a colour.
BANDS = (
    (1.0, "#8a97a8"),
    (7.0, "#3b82c4"),
    (30.0, "#e0a100"),
    (60.0, "#e06c00"),
    (np.inf, "#c62828"),
)
#: How many of the steps in which overdue money waits are numbered.
RANKED = 3


@dataclass(frozen=True)
class Caption:
    """What a picture says about itself.

    Attributes
    ----------
    title : str
    cutoff : int
        Microseconds.
    filters : str
        What was selected, in words; "" for everything.
    min_share : float
        Activities and steps on fewer invoices than this share are left out, 0 to 1.
    currency : str
    """

    title: str
    cutoff: int
    filters: str = ""
    min_share: float = 0.0
    currency: str = ""


@dataclass(frozen=True)
class Node:
    """An activity, the start or an end; `kind` is activity, start, closed or open."""

    name: str
    said: str
    kind: str
    share: float = 0.0

    @property
    def fill(self) -> str:
        """Its colour, the paler the rarer."""
        if self.kind == "open":
            return "#fff3d6"
        if self.kind != "activity":
            return "#e4e7eb"
        pale, full = (244, 248, 252), (186, 213, 240)
        mixed = [round(p + (f - p) * min(self.share, 1.0)) for p, f in zip(pale, full, strict=True)]
        return "#{:02x}{:02x}{:02x}".format(*mixed)


@dataclass(frozen=True)
class Edge:
    """A step from node `tail` to node `head`.

    Attributes
    ----------
    count : int
        How often it was taken.
    share : float
        Share of the invoices that took it, 0 to 1.
    days : float
        Median waiting time; NaN for the start and for closed invoices.
    rank : int
        Among the steps where overdue money waits; 0 for none of the first.
    name, title : str
        Shown in the legend, and when pointed at.
    overdue : float
        Overdue money-days, currency units × days.
    """

    tail: int
    head: int
    count: int
    share: float
    days: float
    rank: int
    name: str
    title: str
    overdue: float

    @property
    def label(self) -> str:
        """Count and median time."""
        waited = "" if np.isnan(self.days) else f" · {days_in_words(self.days)}"
        return f"{self.count:,}{waited}"

    @property
    def colour(self) -> str:
        """By median time."""
        if np.isnan(self.days):
            return BANDS[0][1]
        return next(colour for until, colour in BANDS if self.days <= until)

    @property
    def thickness(self) -> float:
        """Width of the line, points."""
        return round(1.0 + 5.0 * float(np.sqrt(self.share)), 2)

    @property
    def weight(self) -> int:
        """How much the line wants to be short and straight."""
        return 1 + round(20 * self.share)


def days_in_words(days: float) -> str:
    """A waiting time as a person says it: minutes, hours or days."""
    if np.isnan(days):
        return "–"
    if days < 1 / 24:
        return f"{days * 1440:.0f} min" if days >= 0.5 / 1440 else "at once"
    if days < 1:
        return f"{days * 24:.0f} h"
    return f"{days:.1f}".removesuffix(".0") + " d" if days < 10 else f"{days:,.0f} d"


def share_in_words(share: float) -> str:
    """A share in per cent, with a decimal where it is small."""
    digits = 0 if share >= 0.1 or share == 0 else 1
    return f"{share:.{digits}%}".replace("%", " %")


def headline(found: ProcessMap, caption: Caption) -> list[str]:
    """Title, size, cutoff and selection, a line each."""
    lines = [
        caption.title,
        f"{found.n_invoices:,} invoices, {int(found.events.sum()):,} events, as known at "
        f"{timestamp(caption.cutoff):%Y-%m-%d %H:%M} UTC",
    ]
    return [*lines, caption.filters] if caption.filters else lines


def graph_of(found: ProcessMap, flow: MainFlow, caption: Caption) -> tuple[list[Node], list[Edge]]:
    """Nodes and edges of what is shown of a map.

    Returns
    -------
    nodes : list of Node
        Activities that occur in the order of the map, then the start, then the ends that are
        reached.
    edges : list of Edge
        Those from the start first, then the most frequent first.
    """
    n, total = len(found.activities), max(found.n_invoices, 1)
    shown = np.flatnonzero(found.on_invoices > 0).tolist()
    nodes = [_activity(found, a, total) for a in shown]
    place = {a: i for i, a in enumerate(shown)}
    start = place[-1] = len(nodes)
    nodes.append(Node("start", f"{found.n_invoices:,}", "start"))
    ends = found.ends - found.still_open
    if flow.ends.any():
        place[n + 1] = len(nodes)
        nodes.append(Node("closed" if found.has_money else "end", f"{ends.sum():,}", "closed"))
    if flow.steps[:, n].any():
        place[n] = len(nodes)
        nodes.append(Node(STILL_OPEN, f"{found.still_open.sum():,}", "open"))
    ranks = _ranks(found, flow)
    edges = []
    for a, b in np.argwhere(flow.steps & (found.counts > 0)).tolist():
        edges.append(_step(found, a, b, (place[a], place[b]), ranks.get((a, b), 0), caption))
    for a in np.flatnonzero(flow.starts & (found.starts > 0)).tolist():
        said = f"{found.starts[a]:,} invoices begin with {found.activities[a]}"
        edges.append(_border(start, place[a], int(found.starts[a]), total, said))
    for a in np.flatnonzero(flow.ends & (ends > 0)).tolist():
        said = f"{ends[a]:,} closed invoices end with {found.activities[a]}"
        edges.append(_border(place[a], place[n + 1], int(ends[a]), total, said))
    edges.sort(key=lambda edge: (edge.tail != start, -edge.count, edge.tail, edge.head))
    return nodes, edges


def as_dot(found: ProcessMap, flow: MainFlow, caption: Caption) -> str:
    """The map as DOT text, for any Graphviz."""
    nodes, edges = graph_of(found, flow, caption)

    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', r"\"").replace("\n", r"\n") + '"'

    lines = [
        "digraph process {",
        f'graph [label={quoted(chr(10).join(headline(found, caption)))}, labelloc="t"];',
        'node [fontname="Helvetica", fontsize=11, style="filled", shape="box"];',
        'edge [fontname="Helvetica", fontsize=10];',
    ]
    for i, node in enumerate(nodes):
        shape = "box" if node.kind == "activity" else "ellipse"
        lines.append(
            f"n{i} [label={quoted(f'{node.name}{chr(10)}{node.said}')}, shape={quoted(shape)}, "
            f"fillcolor={quoted(node.fill)}];"
        )
    for edge in edges:
        lines.append(
            f"n{edge.tail} -> n{edge.head} [label={quoted(edge.label)}, "
            f"color={quoted(edge.colour)}, penwidth={edge.thickness}, weight={edge.weight}, "
            f"tooltip={quoted(edge.title)}];"
        )
    return "\n".join([*lines, "}"]) + "\n"


def _activity(found: ProcessMap, a: int, total: int) -> Node:
    share = float(found.on_invoices[a] / total)
    said = f"{found.on_invoices[a]:,} invoices · {share_in_words(share)}"
    return Node(found.activities[a], said, "activity", share)


def _border(tail: int, head: int, count: int, total: int, said: str) -> Edge:
    """An edge from the start or to the end of closed invoices."""
    return Edge(tail, head, count, count / total, np.nan, 0, "", said, 0.0)


def _step(
    found: ProcessMap, a: int, b: int, ends: tuple[int, int], rank: int, caption: Caption
) -> Edge:
    to = STILL_OPEN if b == len(found.activities) else found.activities[b]
    days = float(found.median_days[a, b])
    title = (
        f"{found.activities[a]} → {to}: {found.counts[a, b]:,} times on "
        f"{found.invoices[a, b]:,} invoices; median {days_in_words(days)}, 90 % within "
        f"{days_in_words(float(found.p90_days[a, b]))}"
    )
    if found.has_money:
        title += (
            f"; {found.money_days[a, b]:,.0f} {caption.currency} × days, of which overdue "
            f"{found.overdue_money_days[a, b]:,.0f}"
        )
    return Edge(
        *ends,
        int(found.counts[a, b]),
        float(found.invoices[a, b] / max(found.n_invoices, 1)),
        days,
        rank,
        f"{found.activities[a]} → {to}",
        title,
        float(found.overdue_money_days[a, b]),
    )


def _ranks(found: ProcessMap, flow: MainFlow) -> dict[tuple[int, int], int]:
    """The steps shown in which most overdue money waits, numbered from 1."""
    lost = np.where(flow.steps, found.overdue_money_days, 0.0)
    order = np.argsort(-lost, axis=None, kind="stable")[:RANKED].tolist()
    places = [divmod(i, lost.shape[1]) for i in order if lost.flat[i] > 0]
    return {place: i + 1 for i, place in enumerate(places)}
