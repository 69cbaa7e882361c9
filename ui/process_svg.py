"""A process map as an SVG picture that any browser shows."""

from __future__ import annotations

from textwrap import wrap
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from eventlog.process.main_flow import MainFlow
from eventlog.process.process_map import ProcessMap
from ui.process_graph import BANDS, Caption, Edge, Node, graph_of, headline, share_in_words
from ui.process_layout import Box, Line, lay_out

INK, PALE, PAPER = "#1f2933", "#616e7c", "#ffffff"
_ACTIVITY, _ROUND = Box(196, 46), Box(132, 34)
_MARGIN = 24.0
#: Room for the legend, and points that a letter of a label takes, on average.
_LEGEND_WIDTH, _LETTER = 720.0, 6.0


def as_svg(found: ProcessMap, flow: MainFlow, caption: Caption) -> str:
    """Draw what is shown of a map.

    Parameters
    ----------
    found : ProcessMap
    flow : MainFlow
    caption : Caption

    Returns
    -------
    str
        An SVG document; texts are escaped. Pointing at a line or box tells all its figures.
    """
    nodes, edges = graph_of(found, flow, caption)
    layout = lay_out(
        [_ACTIVITY if node.kind == "activity" else _ROUND for node in nodes],
        [Line(e.tail, e.head, Box(_room(e), 16), e.weight) for e in edges],
        first=next(i for i, node in enumerate(nodes) if node.kind == "start"),
        last=[i for i, node in enumerate(nodes) if node.kind in ("closed", "open")],
    )
    said = headline(found, caption)
    legend = _legend(edges, caption, float(found.overdue_money_days.sum()))
    top = 2 * _MARGIN + 19 * len(said)
    width = max(layout.width, _LEGEND_WIDTH) + 2 * _MARGIN
    foot = top + layout.height + _MARGIN
    height = foot + 20 * len(legend) + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" '
        f"aria-label={quoteattr(caption.title)} "
        'font-family="Segoe UI, Helvetica, Arial, DejaVu Sans, sans-serif">',
        f'<rect width="100%" height="100%" fill="{PAPER}"/>',
        _text(_MARGIN, _MARGIN + 14, said[0], 17, INK, "start", "bold"),
    ]
    for i, line in enumerate(said[1:]):
        parts.append(_text(_MARGIN, _MARGIN + 34 + 17 * i, line, 12, PALE, "start"))
    parts.append(f'<g transform="translate({(width - layout.width) / 2:.1f} {top:.1f})">')
    order = sorted(range(len(edges)), key=lambda i: (edges[i].share, i))  # the frequent on top
    parts += [_curve(edges[i], layout.lines[i]) for i in order]
    parts += [_box(node, at) for node, at in zip(nodes, layout.nodes, strict=True)]
    parts += [_label(edges[i], layout.labels[i]) for i in order]
    parts.append(f'</g><g transform="translate({_MARGIN:.0f} {foot:.1f})">')
    for i, row in enumerate(legend):
        parts.append(f'<g transform="translate(0 {20 * i + 8})">{row}</g>')
    return "\n".join([*parts, "</g>", "</svg>"]) + "\n"


def _room(edge: Edge) -> float:
    """Width that a label needs, points."""
    return len(edge.label) * _LETTER + 8 + (22 if edge.rank else 0)


def _text(
    x: float,
    y: float,
    text: str,
    size: float,
    ink: str,
    anchor: str = "middle",
    weight: str = "normal",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{ink}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )


def _box(node: Node, at: tuple[float, float]) -> str:
    x, y = at
    is_activity = node.kind == "activity"
    box = _ACTIVITY if is_activity else _ROUND
    radius = 6 if is_activity else box.height / 2
    dash = ' stroke-dasharray="4 3"' if node.kind == "open" else ""
    rim = "#b7791f" if node.kind == "open" else "#9fb3c8"
    parts = [
        f"<g><title>{escape(node.name)}: {escape(node.said)}</title>",
        f'<rect x="{x - box.width / 2:.1f}" y="{y - box.height / 2:.1f}" width="{box.width:g}" '
        f'height="{box.height:g}" rx="{radius:g}" fill="{node.fill}" stroke="{rim}"{dash}/>',
    ]
    if is_activity:
        lines = wrap(node.name, 27) or [""]
        shown = lines[0] if len(lines) == 1 else f"{lines[0][:26]}…"
        parts.append(_text(x, y - 3, shown, 12, INK, weight="600"))
        parts.append(_text(x, y + 13, node.said, 10.5, PALE))
    else:
        parts.append(_text(x, y + 4, f"{node.name} {node.said}", 11.5, INK, weight="600"))
    return "".join([*parts, "</g>"])


def _curve(edge: Edge, points: tuple[tuple[float, float], ...]) -> str:
    """The line and its head, which begins where the line ends."""
    (x, y), rest = points[0], points[1:]
    path = f"M{x:.1f} {y:.1f}C" + " ".join(f"{x:.1f} {y:.1f}" for x, y in rest)
    (ax, ay), (bx, by) = points[-2:]
    length = max(float(np.hypot(bx - ax, by - ay)), 1e-6)
    ux, uy = (bx - ax) / length, (by - ay) / length
    half = 3.0 + edge.thickness / 2
    head = (
        (bx + 9 * ux, by + 9 * uy),
        (bx - half * uy, by + half * ux),
        (bx + half * uy, by - half * ux),
    )
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in head)
    return (
        f"<g><title>{escape(edge.title)}</title>"
        f'<path d="{path}" fill="none" stroke="{edge.colour}" stroke-width="{edge.thickness}"/>'
        f'<polygon points="{corners}" fill="{edge.colour}"/></g>'
    )


def _label(edge: Edge, at: tuple[float, float]) -> str:
    x, y = at
    badge = ""
    if edge.rank:
        badge = _badge(x - _room(edge) / 2 + 10, y, edge.rank)
        x += 11
    half = len(edge.label) * _LETTER / 2
    halo = (
        f'<rect x="{x - half:.1f}" y="{y - 8:.1f}" width="{2 * half:.1f}" height="16" rx="3" '
        f'fill="{PAPER}" fill-opacity="0.85"/>'
    )
    return f"{halo}{badge}{_text(x, y + 4, edge.label, 10.5, INK)}"


def _badge(x: float, y: float, rank: int) -> str:
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="{BANDS[-1][1]}"/>'
        f"{_text(x, y + 4, str(rank), 11, PAPER, weight='bold')}"
    )


def _legend(edges: list[Edge], caption: Caption, overdue: float) -> list[str]:
    """Rows of the legend, each from its upper left corner."""
    row, x, low = [_text(0, 4, "Median days of a step", 11, INK, "start", "600")], 152.0, "0"
    for until, colour in BANDS:
        said = f"over {low}" if np.isinf(until) else f"{low} to {until:g}"
        row.append(f'<rect x="{x:.0f}" y="-5" width="22" height="9" fill="{colour}"/>')
        row.append(_text(x + 27, 4, said, 11, INK, "start"))
        x, low = x + 84, f"{until:g}"
    rows = ["".join(row)]
    said = "On a line: how often the step was taken, and its median time."
    if caption.min_share > 0:
        said += f" Left out: what fewer than {share_in_words(caption.min_share)} of invoices do."
    rows.append(_text(0, 4, said, 11, PALE, "start"))
    ranked = sorted((edge for edge in edges if edge.rank), key=lambda edge: edge.rank)
    if ranked:
        said = f"Where most overdue money waits (balance × days after the due date, {overdue:,.0f} "
        said += f"{caption.currency} × days in all)"
        rows.append(_text(0, 4, said, 11, INK, "start", "600"))
    for edge in ranked:
        said = f"{edge.name}: {share_in_words(edge.overdue / overdue)}"
        rows.append(_badge(8, 0, edge.rank) + _text(24, 4, said, 11, INK, "start"))
    return rows
