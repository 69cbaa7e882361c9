"""Where the boxes and lines of a process map lie.

Graphviz's `dot`, which comes with pygraphviz, lays the graph out. It is given boxes and labels of
fixed size and no text, so the fonts of a machine change nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import pygraphviz

_POINTS = 72.0


@dataclass(frozen=True)
class Box:
    """A node or label to be placed, in points."""

    width: float
    height: float


@dataclass(frozen=True)
class Line:
    """A line to be drawn from node `tail` to node `head` (positions), with room for its label.

    Attributes
    ----------
    weight : int
        The higher, the straighter and shorter.
    """

    tail: int
    head: int
    label: Box
    weight: int


@dataclass(frozen=True)
class Layout:
    """Places in points, from the upper left corner.

    Attributes
    ----------
    width, height : float
    nodes : tuple of (float, float)
        Centre of each node.
    lines : tuple of tuple of (float, float)
        Control points of each line's Bézier curves, 3 k + 1 of them; the arrow's head begins at the
        last one.
    labels : tuple of (float, float)
        Centre of each line's label.
    """

    width: float
    height: float
    nodes: tuple[tuple[float, float], ...]
    lines: tuple[tuple[tuple[float, float], ...], ...]
    labels: tuple[tuple[float, float], ...]


def lay_out(nodes: Sequence[Box], lines: Sequence[Line], first: int, last: Sequence[int]) -> Layout:
    """Place nodes in layers from top to bottom.

    Parameters
    ----------
    nodes : sequence of Box
    lines : sequence of Line
        At most one for each pair of nodes.
    first : int
        The node that stands on top.
    last : sequence of int
        The nodes that stand at the bottom.
    """
    text = ["digraph {", 'graph [nodesep=0.35, ranksep=0.3, ordering="" ];']
    text.append('node [shape=box, fixedsize=true, label=""];')
    text += [
        f"n{i} [width={box.width / _POINTS:.4f}, height={box.height / _POINTS:.4f}];"
        for i, box in enumerate(nodes)
    ]
    text.append(f"{{ rank=source; n{first}; }}")
    text.append("{ rank=sink; " + " ".join(f"n{i};" for i in last) + " }")
    for line in lines:
        table = (
            f'<<table border="0" fixedsize="true" width="{line.label.width:.0f}" '
            f'height="{line.label.height:.0f}"><tr><td></td></tr></table>>'
        )
        text.append(f"n{line.tail} -> n{line.head} [label={table}, weight={line.weight}];")
    text.append("}")
    graph = pygraphviz.AGraph(string="\n".join(text))
    return _read(graph.draw(format="plain", prog="dot").decode(), len(nodes), lines)


def _read(plain: str, n_nodes: int, lines: Sequence[Line]) -> Layout:
    """Read Graphviz's "plain" format: inches, counted from the lower left corner."""
    width = height = 0.0
    nodes = [(0.0, 0.0)] * n_nodes
    order = {(f"n{line.tail}", f"n{line.head}"): i for i, line in enumerate(lines)}
    curves: list[tuple[tuple[float, float], ...]] = [()] * len(lines)
    labels = [(0.0, 0.0)] * len(lines)

    def point(x: str, y: str) -> tuple[float, float]:
        return float(x) * _POINTS, height - float(y) * _POINTS

    for row in plain.splitlines():
        words = shlex.split(row)
        if words[:1] == ["graph"]:
            width, height = float(words[2]) * _POINTS, float(words[3]) * _POINTS
        elif words[:1] == ["node"]:
            nodes[int(words[1][1:])] = point(words[2], words[3])
        elif words[:1] == ["edge"]:
            n = int(words[3])
            place = order[words[1], words[2]]
            xy = words[4 : 4 + 2 * n]
            curves[place] = tuple(point(x, y) for x, y in zip(xy[::2], xy[1::2], strict=True))
            labels[place] = point(words[5 + 2 * n], words[6 + 2 * n])
    return Layout(width, height, tuple(nodes), tuple(curves), tuple(labels))
