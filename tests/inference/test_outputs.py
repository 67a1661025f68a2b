"""Outputs of batches in the order of the features."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from layover.data.features import Features
from layover.errors import ModelError
from layover.inference.outputs import OrderedOutputs


def features(lengths: list[int]) -> Features:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = np.zeros(offsets[-1], np.int32)
    return Features({"ids": ids, "offsets": offsets, "example": np.arange(len(lengths), dtype=np.int32)})


@settings(max_examples=60, deadline=None)
@given(data=st.data(), lengths=st.lists(st.integers(2, 6), min_size=1, max_size=9))
def test_outputs_of_rows_and_of_tokens_come_in_order(data: st.DataObject, lengths: list[int]) -> None:
    rows = len(lengths)
    # rows of equal length can be equal
    first = np.array(
        [data.draw(st.sampled_from([r for r in range(row + 1) if lengths[r] == lengths[row]])) for row in range(rows)]
    )
    first = first[first]
    while not np.array_equal(first, first[first]):
        first = first[first]
    order = data.draw(st.permutations(sorted(set(first.tolist()))))
    cut = data.draw(st.integers(1, len(order)))
    outputs = OrderedOutputs(features(lengths), first)
    for batch in (order[:cut], order[cut:]):
        if batch:
            tokens = [100 * row + place for row in batch for place in range(lengths[row])]
            scores = torch.tensor([[row, -row] for row in batch], dtype=torch.float32)
            outputs.add(np.array(batch), {"score": scores, "tag": torch.tensor(tokens, dtype=torch.int16)})
    finished = outputs.finished()
    assert finished["score"].tolist() == [[row, -row] for row in first]
    assert finished["tag"].tolist() == [
        100 * first[row] + place for row in range(rows) for place in range(lengths[row])
    ]
    assert (finished["score"].dtype, finished["tag"].dtype) == (np.float32, np.int16)


def test_outputs_are_copied() -> None:
    outputs, values = OrderedOutputs(features([2, 3]), np.arange(2)), torch.tensor([1.0, 2.0])
    outputs.add(np.arange(2), {"score": values})
    values.zero_()
    assert outputs.finished()["score"].tolist() == [1, 2]


def test_an_output_of_another_size_is_an_error() -> None:
    outputs = OrderedOutputs(features([2, 3]), np.arange(2))
    with pytest.raises(ModelError, match="'odd' has 4 values for 2 rows of 5 tokens"):
        outputs.add(np.arange(2), {"odd": torch.zeros(4)})
