"""A matrix written block by block holds what the matrix in memory holds."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from eventlog.errors import DataError
from eventlog.ledger import keep_ledger
from features import blocks
from features.matrix import build_matrix
from features.matrix_file import write_matrix
from features.snapshots import take_snapshots
from tests.features.drawn import POLICY, encoding_of, random_log, rates


@pytest.mark.parametrize("rhythm", ["monthly", "posting"])
@pytest.mark.parametrize("size", [50, 10**6])
def test_every_row_and_value_is_in_the_file(tmp_path, monkeypatch, rhythm, size):
    monkeypatch.setattr(blocks, "BLOCK_SIZE", size)
    log, encoding = random_log(3), encoding_of(3)
    path = tmp_path / "matrix.parquet"
    n_rows = write_matrix(log, path, rhythm, None, log.ends_at, encoding, POLICY, rates())
    snapshots = take_snapshots(log, keep_ledger(log, POLICY), rhythm, None, log.ends_at)
    matrix = build_matrix(log, snapshots, encoding, POLICY, rates())
    frame = pq.read_table(path).to_pandas()
    assert len(frame) == n_rows == len(snapshots) > 0
    assert [p.name for p in tmp_path.iterdir()] == ["matrix.parquet"]
    names = log.invoice_keys.iloc[snapshots.invoice]
    row_of = {
        key: i
        for i, key in enumerate(
            zip(names["company"], names["invoice"], snapshots.cutoff, strict=True)
        )
    }
    cutoff = frame["cutoff"].dt.tz_localize(None).to_numpy().astype("datetime64[us]").view(np.int64)
    order = [
        row_of[key]
        for key in zip(frame["CompanyCode"], frame["InvoiceNumber"], cutoff, strict=True)
    ]
    assert sorted(order) == list(range(len(snapshots)))
    for i, name in enumerate(matrix.columns):
        expected = matrix.values[order, i]
        if name in matrix.categories:
            levels = np.array([*encoding.levels[name], None], dtype=object)
            texts = levels[np.nan_to_num(expected, nan=-1).astype(int)]
            found = frame[name].astype(object).where(frame[name].notna(), None)
            assert found.tolist() == texts.tolist(), name
        else:
            np.testing.assert_array_equal(frame[name].to_numpy(), expected, err_msg=name)


def test_a_file_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path):
    log = random_log(3)
    with pytest.raises(DataError, match="cannot be written"):
        write_matrix(
            log,
            tmp_path / "nowhere" / "m.parquet",
            "monthly",
            None,
            log.ends_at,
            encoding_of(3),
            POLICY,
            rates(),
        )
    assert not list(tmp_path.iterdir())
