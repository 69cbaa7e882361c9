"""Inner origins: moments inside the training period from which to look forward.

The outer split needs no code of its own: the log is cut at ``train_until`` before training reads
it, so a row whose window was not finished by then has no label, and the window is the gap.
"""

from __future__ import annotations

import numpy as np

from eventlog.known import Ints


def inner_origins(cutoff: Ints, window_end: Ints, n_folds: int) -> Ints:
    """Moments inside the training period from which to look forward, shape (<= n_folds + 1,).

    Consecutive origins bound test stretches of equally many rows over the last half of the rows
    (by cutoff). The first origin leaves at least a fifth of the rows decided before it.
    """
    if len(cutoff) == 0:
        return np.empty(0, dtype=np.int64)
    shares = np.linspace(0.5, 1.0, n_folds + 1)
    origins = np.unique(np.quantile(cutoff, shares, method="nearest").astype(np.int64))
    decided = np.array([(window_end < origin).mean() for origin in origins])
    kept: Ints = origins[decided >= 0.2]
    if len(kept) == 0:
        return kept
    kept[-1] = cutoff.max() + 1
    return np.unique(kept)
