from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.kinds_of import COLUMNS

from layover.data.features import Features
from layover.errors import DataError


def features(**changes: np.ndarray) -> Features:
    arrays = {
        "ids": np.array([0, 5, 6, 2, 0, 7, 2], np.int32),
        "offsets": np.array([0, 4, 7], np.int64),
        "example": np.array([0, 1], np.int32),
        "label": np.array([1, -1], np.int64),
    }
    return Features({**arrays, **changes}, columns=COLUMNS)


def test_rows_units_lengths() -> None:
    encoded = features()
    assert (encoded.rows, encoded.units) == (2, 2)
    assert encoded.lengths.tolist() == [4, 3]
    assert encoded.lengths.dtype == np.int64
    assert encoded.length(1) == 3
    choice = Features({**encoded.arrays, "label": np.array([0], np.int64)}, group=2, columns=COLUMNS)
    assert choice.units == 1


def test_round_trip_is_exact(tmp_path: Path) -> None:
    encoded = Features({**features().arrays, "label": np.array([0], np.int64)}, group=2, columns=COLUMNS)
    encoded.save(tmp_path / "a.safetensors")
    loaded = Features.load(tmp_path / "a.safetensors", COLUMNS)
    assert loaded.group == 2
    assert set(loaded.arrays) == set(encoded.arrays)
    for name, array in encoded.arrays.items():
        assert loaded.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded.arrays[name], array)
    loaded.save(tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_no_rows(tmp_path: Path) -> None:
    empty = Features({"ids": np.zeros(0, np.int32), "offsets": np.zeros(1, np.int64), "example": np.zeros(0, np.int32)})
    empty.save(tmp_path / "empty.safetensors")
    assert Features.load(tmp_path / "empty.safetensors").rows == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": np.zeros(7, np.int64)}, "'ids' is int64"),
        ({"example": np.zeros(3, np.int32)}, "one value per row"),
        ({"offsets": np.array([0, 8, 7], np.int64)}, "must not decrease"),
        ({"colour": np.zeros(7, np.int64)}, "no array is called 'colour'"),
    ],
)
def test_refuses_wrong_arrays(change: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(DataError, match=message):
        features(**change)


def test_refuses_a_group_that_does_not_divide() -> None:
    with pytest.raises(DataError, match="groups of 3"):
        Features(features().arrays, group=3, columns=COLUMNS)


def test_refuses_other_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a readable features file"):
        Features.load(tmp_path / "missing.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(DataError, match="not a readable features file"):
        Features.load(tmp_path / "text.safetensors")
