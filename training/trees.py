"""The trees of a LightGBM booster as arrays, read from its own text form."""

from __future__ import annotations

import re
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

#: LightGBM takes values up to this for zero, before it compares them with anything.
ZERO = np.float32(1e-35)
#: How a node decides: where missing values go, and zeros where they count as missing.
NAN_RIGHT, NAN_LEFT, ZERO_RIGHT, ZERO_LEFT, IN_SET = range(5)


class Trees(NamedTuple):
    """The trees of a booster, one after the other.

    A child is the position of a node, or ``~`` the position of a leaf.
    """

    root: Whole  # of each tree: its first node, or ~ its only leaf
    column: Whole
    threshold: NDArray[np.float32]
    kind: NDArray[np.int8]
    set_from: Whole  # of a set of categories: its first word, and the end
    set_to: Whole
    left: Whole
    right: Whole
    left_share: Floats  # of the node's training rows
    right_share: Floats
    value: Floats  # of each leaf
    words: NDArray[np.uint32]  # sets of categories, one bit a category


def trees_of(text: str) -> tuple[Trees, Floats]:
    """The trees, and each leaf's share of its tree's training rows."""
    lines: dict[str, list[str]] = {}
    for key, rest in re.findall(r"^(\w+)=(.*)$", text[: text.index("\nend of trees")], re.M):
        lines.setdefault(key, []).append(rest)

    def whole(key: str) -> Whole:
        return np.array(" ".join(lines.get(key, ())).split(), dtype=np.int64)

    def numbers(key: str) -> Floats:
        return np.array(" ".join(lines.get(key, ())).split(), dtype=np.float64)

    n_leaves, n_sets = whole("num_leaves"), whole("num_cat")
    n_nodes = n_leaves - 1
    tree = np.repeat(np.arange(len(n_nodes)), n_nodes)
    node_from, leaf_from = np.cumsum(n_nodes) - n_nodes, np.cumsum(n_leaves) - n_leaves
    threshold, decision = numbers("threshold"), whole("decision_type")
    count, leaf_count = numbers("internal_count"), numbers("leaf_count")
    child, share = {}, {}
    for side in ("left", "right"):
        local = whole(f"{side}_child")
        inner = local >= 0
        child[side] = np.where(inner, local + node_from[tree], ~(~local + leaf_from[tree]))
        below = np.empty(len(local))
        below[inner] = count[child[side][inner]]
        below[~inner] = leaf_count[~child[side][~inner]]
        share[side] = below / count
    root = np.where(n_nodes > 0, node_from, ~leaf_from)
    whole_count = leaf_count.copy()
    several = np.repeat(n_nodes > 0, n_leaves)
    whole_count[several] = np.repeat(count[root[n_nodes > 0]], n_leaves[n_nodes > 0])
    # Boundaries of a tree's sets begin at 0, and a tree without sets has none.
    boundary = whole("cat_boundaries")
    bound_from = np.cumsum(n_sets + (n_sets > 0)) - n_sets - (n_sets > 0)
    n_words = np.zeros(len(n_sets), dtype=np.int64)
    n_words[n_sets > 0] = boundary[(bound_from + n_sets)[n_sets > 0]]
    word_from = np.cumsum(n_words) - n_words
    set_from, set_to = np.zeros((2, len(tree)), dtype=np.int64)
    for_set = np.flatnonzero(decision & 1)
    at = bound_from[tree[for_set]] + threshold[for_set].astype(np.int64)
    set_from[for_set] = boundary[at] + word_from[tree[for_set]]
    set_to[for_set] = boundary[at + 1] + word_from[tree[for_set]]
    trees = Trees(
        root=root,
        column=whole("split_feature"),
        threshold=_as_float32(threshold),
        kind=_kinds(decision, threshold),
        set_from=set_from,
        set_to=set_to,
        left=child["left"],
        right=child["right"],
        left_share=share["left"],
        right_share=share["right"],
        value=numbers("leaf_value"),
        words=whole("cat_threshold").astype(np.uint32),
    )
    return trees, leaf_count / whole_count


def _as_float32(threshold: Floats) -> NDArray[np.float32]:
    """Thresholds that part float32 values as LightGBM's float64 ones do.

    Rounded down; and since values up to `ZERO` are zero to LightGBM, none lies among those.
    """
    with np.errstate(over="ignore"):
        near = threshold.astype(np.float32)
    below = np.nextafter(near, np.float32(-np.inf))
    near = np.where(near > threshold, below, near)
    last_negative = np.nextafter(-ZERO, np.float32(-np.inf))
    return np.where(threshold >= 0, np.maximum(near, ZERO), np.minimum(near, last_negative))


def _kinds(decision: Whole, threshold: Floats) -> NDArray[np.int8]:
    """How each node decides, from LightGBM's bits: set, default left, kind of missing value."""
    default_left, missing = (decision & 2) > 0, (decision >> 2) & 3
    nan_left = np.where(missing == 2, default_left, threshold >= 0)  # else NaN is 0
    kind = np.where(nan_left, NAN_LEFT, NAN_RIGHT)
    kind = np.where(missing == 1, np.where(default_left, ZERO_LEFT, ZERO_RIGHT), kind)
    return np.where(decision & 1, IN_SET, kind).astype(np.int8)


@numba.njit(cache=True)
def depth_of_leaves(left: Whole, right: Whole, n_leaves: int) -> Whole:
    """Number of nodes above each leaf; a child always comes after its node."""
    above, depth = np.zeros(len(left), dtype=np.int64), np.zeros(n_leaves, dtype=np.int64)
    for node in range(len(left)):
        for child in (left[node], right[node]):
            if child >= 0:
                above[child] = above[node] + 1
            else:
                depth[~child] = above[node] + 1
    return depth
