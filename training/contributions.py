"""What each column adds to the raw score of each row: exact tree contributions, tabulated.

What a tree adds to a row depends only on which way its inner nodes decide for the row, one bit a
node. Few nodes have few such patterns, so what they contribute is tabulated once and looked up for
every row. Trees are taken in pieces: leaves next to each other whose paths have few nodes between
them. A tree of twelve leaves makes two or three.

A leaf is a game between the columns on its path (path-dependent TreeSHAP, arXiv:1802.03888): with
the columns in S known it is worth its value, times 0 or 1 for each column in S (does the row take
the leaf's way there?), times the share of training rows that did for each column not in S. The
Shapley values of such a product are integrals of polynomials, and Gauss-Legendre quadrature of
enough points is exact for those. All its terms have one sign, so deep trees lose no digits.

The numbers are those of LightGBM's ``predict(pred_contrib=True)`` but for rounding; on paths of
many columns (40, say) LightGBM's own recursion is right to four digits only.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import lightgbm as lgb
import numba
import numpy as np
from numpy.typing import NDArray

from eventlog.errors import DataError
from training.trees import (
    NAN_LEFT,
    NAN_RIGHT,
    ZERO,
    ZERO_LEFT,
    ZERO_RIGHT,
    Floats,
    Trees,
    Whole,
    depth_of_leaves,
    trees_of,
)

#: Nodes that the leaves of a piece may have on their paths between them. More make tables that
#: leave the nearest cache, fewer make more pieces, hence more look-ups a tree.
TOGETHER = 8
#: A single leaf with more nodes on its path than this is calculated for each row.
MOST_BITS = 12
#: A pattern is held in 64 bits. A booster with longer paths is left to LightGBM.
LONGEST_PATH = 62
#: Rows taken at a time, so that what is read and written stays in the second cache.
BLOCK = 1024
#: Entries of the tables held at a time (8 bytes each).
MOST_ENTRIES = 4_000_000

_THREADS = os.cpu_count() or 1


def _quadrature() -> tuple[Floats, Floats]:
    """Points and weights of Gauss-Legendre on [0, 1]; row q holds those of q points."""
    most = LONGEST_PATH // 2 + 1
    points, weights = np.zeros((2, most + 1, most))
    for q in range(1, most + 1):
        x, w = np.polynomial.legendre.leggauss(q)
        points[q, :q], weights[q, :q] = (x + 1) / 2, w / 2
    return points, weights


_POINTS, _WEIGHTS = _quadrature()


class Pieces(NamedTuple):
    """Leaves in pieces, with what is needed to tabulate and to look up.

    Piece p has the nodes ``node_from[p]`` to ``node_from[p + 1]``, bit by bit of its pattern (set
    where the row goes right), and so on; ``player`` is a column on the path of one leaf.
    """

    node_from: Whole
    node: Whole  # position in the trees
    column_from: Whole
    column: Whole
    leaf_from: Whole
    value: Floats
    player_from: Whole  # of each leaf
    slot: Whole  # which of the piece's columns
    zero: Floats  # share of the training rows that go the leaf's way
    mask: Whole  # bits of the column's nodes on the path
    want: Whole  # what those bits are on the leaf's way


@dataclass(frozen=True)
class Forest:
    """A booster made ready for `contributions`.

    Attributes
    ----------
    n_columns : int
    base : float
        Mean raw score over the training rows, by the leaves' counts.
    trees : Trees
    pieces : Pieces or None
        None where some path is longer than `LONGEST_PATH`; then LightGBM is asked.
    booster : lightgbm.Booster
    """

    n_columns: int
    base: float
    trees: Trees
    pieces: Pieces | None
    booster: lgb.Booster


def forest_of(booster: lgb.Booster) -> Forest:
    """Read the trees of a booster, as many as its predictions use.

    Raises
    ------
    DataError
        If it has several trees a round, linear leaves, or averages its trees.
    """
    text = booster.model_to_string()
    if (
        "\nnum_tree_per_iteration=1\n" not in text
        or "\nis_linear=1\n" in text
        or "\naverage_output\n" in text
    ):
        raise DataError(
            "Contributions are computed for boosters that add up one tree a round with constant "
            "leaves. Train with objective binary, boosting gbdt and linear_tree false."
        )
    trees, share = trees_of(text)
    n_columns = booster.num_feature()
    depth = depth_of_leaves(trees.left, trees.right, len(trees.value))
    pieces = None
    if (depth <= LONGEST_PATH).all():
        pieces = Pieces(*_lay_out(trees, n_columns, int(depth.sum()), TOGETHER))
    return Forest(
        n_columns=n_columns,
        base=float(share @ trees.value),
        trees=trees,
        pieces=pieces,
        booster=booster,
    )


def contributions(forest: Forest, values: NDArray[np.float32]) -> Floats:
    """What each column adds to the raw score, and the base value last.

    Parameters
    ----------
    forest : Forest
    values : ndarray of float32, shape (n_rows, n_columns)
        In either memory order; NaN is missing.

    Returns
    -------
    ndarray of float64, shape (n_rows, n_columns + 1), column-major
        Rows add up to the raw score.

    Raises
    ------
    DataError
        If the number of columns is not the forest's, or the values are no float32.
    """
    if values.ndim != 2 or values.shape[1] != forest.n_columns or values.dtype != np.float32:
        raise DataError(
            f"The values are {values.dtype} of shape {values.shape}, the model has "
            f"{forest.n_columns} columns. Give float32, one column for each of the model's, in its "
            "order."
        )
    found = np.empty((forest.n_columns + 1, len(values)))
    if not len(values):
        return found.T
    if forest.pieces is None:
        return np.asfortranarray(forest.booster.predict(values, pred_contrib=True))
    found[:-1], found[-1] = 0.0, forest.base
    trees, pieces, table_from = forest.trees, forest.pieces, _table_positions(forest.pieces)
    with ThreadPoolExecutor(_THREADS) as pool:
        for first, last in _chunks(table_from):
            _add_chunk(pool, trees, pieces, table_from, first, last, values, found)
    return found.T


def _add_chunk(
    pool: ThreadPoolExecutor,
    trees: Trees,
    pieces: Pieces,
    table_from: Whole,
    first: int,
    last: int,
    values: NDArray[np.float32],
    found: Floats,
) -> None:
    """Add what the pieces from ``first`` to ``last`` say to ``found``, one column a row."""
    tables = np.zeros(table_from[last] - table_from[first])

    def tabulate(begin: int, end: int) -> None:
        _tabulate(pieces, table_from, tables, first, begin, end)

    def add_up(start: int) -> None:
        rows = slice(start, start + BLOCK)
        block = np.ascontiguousarray(values[rows].T)
        sums = np.ascontiguousarray(found[:, rows])
        _add_up(trees, pieces, table_from, tables, first, last, block, sums)
        found[:, rows] = sums

    cuts = np.linspace(first, last, 4 * _THREADS + 1).astype(np.int64)
    list(pool.map(tabulate, cuts[:-1], cuts[1:]))  # all of it, before the first look-up
    list(pool.map(add_up, range(0, len(values), BLOCK)))


@numba.njit(cache=True)
def _lay_out(trees: Trees, n_columns: int, n_entries: int, together: int) -> tuple[Any, ...]:
    """Go through the leaves of each tree from left to right and put them into pieces.

    Returns the fields of `Pieces`; ``n_entries`` is the number of nodes above leaves, each leaf's
    counted.
    """
    n_nodes, n_leaves = len(trees.column), len(trees.value)
    # As long as they can be, cut at the end. (Plain statements throughout: unpacking arrays and
    # setting slices would triple the time to compile.)
    node_from = np.zeros(n_leaves + 1, dtype=np.int64)
    column_from = np.zeros(n_leaves + 1, dtype=np.int64)
    leaf_from = np.zeros(n_leaves + 1, dtype=np.int64)
    player_from = np.zeros(n_leaves + 1, dtype=np.int64)
    node_at = np.zeros(n_entries, dtype=np.int64)
    column_at = np.zeros(n_entries, dtype=np.int64)
    slot = np.zeros(n_entries, dtype=np.int64)
    mask = np.zeros(n_entries, dtype=np.int64)
    want = np.zeros(n_entries, dtype=np.int64)
    zero, value = np.ones(n_entries), np.zeros(n_leaves)
    pieces = nodes = columns = leaves = players = 0  # so many so far
    # Where a node or column was last met, and as what.
    piece_of_node, bit = np.full(n_nodes, -1), np.zeros(n_nodes, dtype=np.int64)
    piece_of_column, slot_of = np.full(n_columns, -1), np.zeros(n_columns, dtype=np.int64)
    leaf_of_column, player_of = np.full(n_columns, -1), np.zeros(n_columns, dtype=np.int64)
    path, turn = np.zeros(n_nodes, dtype=np.int64), np.zeros(n_nodes, dtype=np.int64)
    waiting = [(0, 0, 0, 0) for _ in range(0)]  # node or leaf, its depth, what is above, which way
    for root in trees.root:
        if root < 0:
            continue  # one leaf, all of it in the base value
        opens = True
        waiting.append((root, 0, 0, 0))
        while len(waiting) > 0:
            here, depth, parent, turned = waiting.pop()
            if depth > 0:
                path[depth - 1], turn[depth - 1] = parent, turned
            if here >= 0:
                waiting.append((trees.right[here], depth + 1, here, 1))
                waiting.append((trees.left[here], depth + 1, here, 0))
                continue
            new = 0
            for i in range(depth):
                new += piece_of_node[path[i]] != pieces - 1
            if opens or (new > 0 and nodes + new - node_from[pieces - 1] > together):
                node_from[pieces] = nodes
                column_from[pieces] = columns
                leaf_from[pieces] = leaves
                pieces += 1
                opens = False
            for i in range(depth):
                node = path[i]
                column = trees.column[node]
                if piece_of_node[node] != pieces - 1:
                    piece_of_node[node] = pieces - 1
                    bit[node] = nodes - node_from[pieces - 1]
                    node_at[nodes] = node
                    nodes += 1
                if piece_of_column[column] != pieces - 1:
                    piece_of_column[column] = pieces - 1
                    slot_of[column] = columns - column_from[pieces - 1]
                    column_at[columns] = column
                    columns += 1
                if leaf_of_column[column] != leaves:
                    leaf_of_column[column] = leaves
                    player_of[column] = players
                    slot[players] = slot_of[column]
                    players += 1
                player = player_of[column]
                zero[player] *= trees.right_share[node] if turn[i] else trees.left_share[node]
                mask[player] |= 1 << bit[node]
                want[player] |= turn[i] << bit[node]
            value[leaves] = trees.value[~here]
            leaves += 1
            player_from[leaves] = players
    node_from[pieces], column_from[pieces], leaf_from[pieces] = nodes, columns, leaves
    return (
        node_from[: pieces + 1],
        node_at[:nodes],
        column_from[: pieces + 1],
        column_at[:columns],
        leaf_from[: pieces + 1],
        value[:leaves],
        player_from[: leaves + 1],
        slot[:players],
        zero[:players],
        mask[:players],
        want[:players],
    )


# Tables.


def _table_positions(pieces: Pieces) -> Whole:
    """Where each piece's table begins, and the end; pieces of too many bits have an empty one."""
    bits = np.diff(pieces.node_from)
    entries = np.where(bits <= MOST_BITS, np.diff(pieces.column_from) << np.minimum(bits, 62), 0)
    return np.append(0, np.cumsum(entries))


def _chunks(table_from: Whole) -> list[tuple[int, int]]:
    """Spans of pieces whose tables fit together."""
    spans, first, n_pieces = [], 0, len(table_from) - 1
    while first < n_pieces:
        fits = np.searchsorted(table_from, table_from[first] + MOST_ENTRIES, side="right") - 1
        last = min(max(int(fits), first + 1), n_pieces)
        spans.append((first, last))
        first = last
    return spans


@numba.njit(cache=True, nogil=True)
def _play(
    value: float, zero: Floats, agrees: int | np.int64, before: Floats, worth: Floats
) -> None:
    """Shapley values of a leaf's columns into ``worth``; ``agrees`` has one bit a column.

    The one of column i is the integral over t in [0, 1] of ``value * (o_i - z_i)`` times the
    product of ``z_j + (o_j - z_j) t`` over all others j, with o = 1 where the row agrees, else 0.
    """
    n = len(zero)
    points = (n + 1) // 2
    worth[:n] = 0.0
    for q in range(points):
        t = _POINTS[points, q]
        product = _WEIGHTS[points, q] * value
        for j in range(n):
            before[j] = product
            product *= zero[j] + ((agrees >> j & 1) - zero[j]) * t
        product = 1.0
        for j in range(n - 1, -1, -1):
            rise = (agrees >> j & 1) - zero[j]
            worth[j] += before[j] * product * rise
            product *= zero[j] + rise * t


@numba.njit(cache=True, nogil=True)
def _tabulate(
    pieces: Pieces, table_from: Whole, tables: Floats, first: int, begin: int, end: int
) -> None:
    """Fill the tables of the pieces from ``begin`` to ``end``; ``first`` is the first one held.

    A table has one row a column of the piece, one entry a pattern.
    """
    before, worth = np.empty(64), np.empty(64)
    games = np.empty((MOST_BITS, 1 << MOST_BITS))
    agrees = np.empty(1 << MOST_BITS, dtype=np.uint64)
    for piece in range(begin, end):
        bits = pieces.node_from[piece + 1] - pieces.node_from[piece]
        if bits > MOST_BITS:
            continue
        size = 1 << bits
        table = tables[table_from[piece] - table_from[first] :]
        for leaf in range(pieces.leaf_from[piece], pieces.leaf_from[piece + 1]):
            a, b = pieces.player_from[leaf], pieces.player_from[leaf + 1]
            for game in range(1 << (b - a)):
                _play(pieces.value[leaf], pieces.zero[a:b], game, before, worth)
                for j in range(b - a):
                    games[j, game] = worth[j]
            agrees[:size] = 0
            for j in range(b - a):
                mask, want = pieces.mask[a + j], pieces.want[a + j]
                for pattern in range(size):
                    agrees[pattern] |= np.uint64(((pattern & mask) == want) << j)
            for j in range(b - a):
                row, game_of = table[pieces.slot[a + j] * size :], games[j]
                for pattern in range(size):
                    row[pattern] += game_of[agrees[pattern]]


# Rows.


@numba.njit(cache=True, nogil=True)
def _decide(
    trees: Trees, node: int, bit: int, block: NDArray[np.float32], pattern: NDArray[np.uint16]
) -> None:
    """Set a bit of the pattern of each row that a node sends to the right."""
    value, threshold = block[trees.column[node]], trees.threshold[node]
    kind, n = trees.kind[node], len(pattern)
    one, none = np.uint16(1 << bit), np.uint16(0)
    # Branches outside, simple loops inside: these become vector instructions.
    if kind == NAN_RIGHT:
        for i in range(n):
            pattern[i] |= none if value[i] <= threshold else one
    elif kind == NAN_LEFT:
        for i in range(n):
            pattern[i] |= one if value[i] > threshold else none
    elif kind == ZERO_RIGHT:
        for i in range(n):
            stays = (value[i] <= threshold) & (abs(value[i]) > ZERO)
            pattern[i] |= none if stays else one
    elif kind == ZERO_LEFT:
        for i in range(n):
            goes = (value[i] > threshold) & (abs(value[i]) > ZERO)
            pattern[i] |= one if goes else none
    else:
        begin = trees.set_from[node]
        n_categories = np.float32(32 * (trees.set_to[node] - begin))
        for i in range(n):
            known = (value[i] > -1) & (value[i] < n_categories)  # NaN is neither
            category = np.uint32(value[i] if known else 0)  # towards zero, as LightGBM does
            held = (trees.words[begin + (category >> 5)] >> (category & 31)) & 1
            pattern[i] |= none if known & (held == 1) else one


@numba.njit(cache=True, nogil=True)
def _add_up(
    trees: Trees,
    pieces: Pieces,
    table_from: Whole,
    tables: Floats,
    first: int,
    last: int,
    block: NDArray[np.float32],
    sums: Floats,
) -> None:
    """Add what the pieces from ``first`` to ``last`` say of each row to ``sums``.

    Parameters
    ----------
    block : ndarray of float32, shape (n_columns, n_rows)
    sums : ndarray of float64, shape (n_columns + 1, n_rows)
    """
    n = block.shape[1]
    patterns = np.empty((LONGEST_PATH // 16 + 1, n), dtype=np.uint16)
    before, worth, added = np.empty(64), np.empty(64), np.empty(64)
    for piece in range(first, last):
        begin = pieces.node_from[piece]
        bits = pieces.node_from[piece + 1] - begin
        patterns[: bits // 16 + 1] = 0
        for bit in range(bits):
            node = pieces.node[begin + bit]
            _decide(trees, node, bit % 16, block, patterns[bit // 16])
        columns = pieces.column[pieces.column_from[piece] : pieces.column_from[piece + 1]]
        if bits <= MOST_BITS:
            at, pattern = table_from[piece] - table_from[first], patterns[0]
            for slot in range(len(columns)):
                table, total = tables[at + (slot << bits) :], sums[columns[slot]]
                for i in range(n):
                    total[i] += table[pattern[i]]
            continue
        for i in range(n):
            went = np.int64(0)
            for word in range(bits // 16 + 1):
                went |= np.int64(patterns[word, i]) << (16 * word)
            added[: len(columns)] = 0.0
            for leaf in range(pieces.leaf_from[piece], pieces.leaf_from[piece + 1]):
                a, b = pieces.player_from[leaf], pieces.player_from[leaf + 1]
                agrees = np.int64(0)
                for j in range(b - a):
                    agrees |= ((went & pieces.mask[a + j]) == pieces.want[a + j]) << j
                _play(pieces.value[leaf], pieces.zero[a:b], agrees, before, worth)
                for j in range(b - a):
                    added[pieces.slot[a + j]] += worth[j]
            for slot in range(len(columns)):
                sums[columns[slot], i] += added[slot]
