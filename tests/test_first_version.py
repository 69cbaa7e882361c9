"""The comparison with the first version pairs rows, and compares both on the same samples."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.first_version import FIRST, NOW, THEN, by_seed, compared, paired, unpack

N = 400


def rows_of(noise: float, seed: int) -> pd.DataFrame:
    """Rows of a version that sees the truth through noise; the same outcomes for every version."""
    margin = np.random.default_rng(1).normal(-1, 1.5, N)
    y = (np.random.default_rng(2).random(N) < 1 / (1 + np.exp(-margin))).astype(float)
    seen = margin + np.random.default_rng(seed).normal(0, noise, N)
    p = 1 / (1 + np.exp(-seen))
    return pd.DataFrame(
        {
            "company": "A",
            "invoice": [f"I{i}" for i in range(N)],
            "cutoff": np.arange(N),
            "customer": np.arange(N) // 4,
            "balance": 100.0,
            "y": y,
            "p": p,
            "seed 0": p,
            "baseline prevalence": y.mean(),
        }
    )


def test_rows_are_paired_by_invoice_and_cutoff_whatever_their_order():
    now, then = rows_of(0.1, 3), rows_of(2.0, 4)
    rows, only_now, only_then = paired(now.iloc[10:], then.sample(frac=1, random_state=0))
    assert (only_now, only_then) == (0, 10)
    assert rows["then p"].tolist() == then["p"].iloc[10:].tolist()
    assert rows["p"].tolist() == now["p"].iloc[10:].tolist()


def test_the_better_version_is_better_on_the_same_samples_and_each_seed_is_told():
    rows, *_ = paired(rows_of(0.1, 3), rows_of(2.0, 4))
    prevalence = float(rows["y"].mean())
    found = compared(rows, prevalence, 100)
    assert list(found.estimate) == [NOW, THEN, "prevalence"]
    assert found.difference(NOW, THEN)["roc_auc"].low > 0
    assert found.difference(NOW, THEN)["brier"].high < 0
    seeds = by_seed(rows, prevalence)
    assert seeds[THEN][0]["roc_auc"] == pytest.approx(found.of(THEN)["roc_auc"].estimate)


def test_versions_that_disagree_on_an_outcome_or_share_no_row_are_not_compared():
    then = rows_of(2.0, 4)
    then.loc[7, "y"] = 1 - then.loc[7, "y"]
    with pytest.raises(SystemExit, match="disagree on the outcome of 1 of 400 rows"):
        paired(rows_of(0.1, 3), then)
    with pytest.raises(SystemExit, match="no common row"):
        paired(rows_of(0.1, 3), then.assign(invoice="other"))


def test_a_commit_that_is_not_there_says_what_to_do(tmp_path: Path):
    with pytest.raises(SystemExit, match=r"Commit 000000000000 is not there.*--unshallow"):
        unpack("0" * 40, tmp_path)
    assert len(FIRST) == 40
