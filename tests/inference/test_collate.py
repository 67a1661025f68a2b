"""Rows as padded tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.kinds_of import COLUMNS

from layover.data.features import Features
from layover.data.masking import Moment
from layover.encoder.transfer import apart, together
from layover.inference.collate import collate, collate_rows

IDS = [0, 11, 2, 0, 21, 22, 23, 2, 0, 31, 32, 2, 0, 2]
OFFSETS = [0, 3, 8, 12, 14]
MOMENT = Moment(0, 0)


def features(group: int = 1, **arrays: np.ndarray) -> Features:
    base = {
        "ids": np.array(IDS, np.int32),
        "offsets": np.array(OFFSETS, np.int64),
        "example": np.arange(4, dtype=np.int32),
    }
    return Features({**base, **arrays}, group, columns=COLUMNS)


def test_rows_are_padded_to_the_longest_of_the_batch() -> None:
    batch = collate(features(label=np.array([5, 6, 7, 8])), np.array([2, 0]), pad=1, moment=MOMENT)
    assert batch.ids.tolist() == [[0, 31, 32, 2], [0, 11, 2, 1]]
    assert batch.lengths.tolist() == [4, 3]
    assert batch.rows.tolist() == [2, 0]
    assert batch.targets["label"].tolist() == [7, 5]
    assert batch.segments is None
    assert {tensor.dtype for tensor in (batch.ids, batch.lengths, batch.rows, *batch.targets.values())} == {torch.int64}


def test_the_rows_of_a_unit_stay_together() -> None:
    batch = collate(features(2, label=np.array([1, 0])), np.array([1, 0]), pad=1, moment=MOMENT)
    assert batch.rows.tolist() == [2, 3, 0, 1]
    assert batch.targets["label"].tolist() == [0, 1]
    assert batch.units.tolist() == [1, 0]


def test_targets_of_tokens_and_spans() -> None:
    labels = np.arange(len(IDS), dtype=np.int64)
    spans = features(labels=labels, start=np.array([1, 2, 3, 4]), end=np.array([5, 6, 7, 8]))
    batch = collate(spans, np.array([3, 0]), pad=1, moment=MOMENT)
    assert batch.targets["labels"].tolist() == [[12, 13, -100], [0, 1, 2]]
    assert batch.targets["start"].tolist() == [4, 1]
    assert batch.targets["end"].tolist() == [8, 5]


def test_segments_and_a_prediction_without_targets() -> None:
    segments = np.array([0] * 5 + [1] * 9, np.int8)
    batch = collate_rows(features(segments=segments, label=np.zeros(4, np.int64)), np.array([1, 3]), pad=9)
    assert batch.segments is not None
    assert batch.segments.tolist() == [[0, 0, 1, 1, 1], [1, 1, 0, 0, 0]]
    assert batch.ids.tolist() == [[0, 21, 22, 23, 2], [0, 2, 9, 9, 9]]
    assert batch.targets == {}
    assert batch.to(torch.device("cpu")) is batch


def test_hidden_tokens_are_targets_of_trainings_and_predictions() -> None:
    masked = features(roles=np.array([1, 1, 1, *[0] * 30, 2], np.int8))
    batch = collate(masked, np.array([1, 0]), pad=1, moment=MOMENT)
    assert batch.ids.shape == (2, 5)
    assert len(batch.targets["places"]) == 2  # one of three tokens, one of one
    before = torch.tensor([[0, 21, 22, 23, 2], [0, 11, 2, 1, 1]])
    assert torch.equal(before.flatten()[batch.targets["places"]], batch.targets["masked"])
    other = [place for place in range(10) if place not in batch.targets["places"].tolist()]
    assert torch.equal(batch.ids.flatten()[other], before.flatten()[other])
    predicted = collate_rows(masked, np.array([1, 0]), pad=1)
    assert set(predicted.targets) == {"places", "masked"}


def packed(tensors: Sequence[torch.Tensor], _device: torch.device) -> list[torch.Tensor]:
    """Pack and unpack as for a GPU, without one."""
    return apart(together(tensors, pinned=False), tensors)


@pytest.mark.parametrize("kind", ["row targets", "masked", "segments"])
def test_all_tensors_of_a_batch_arrive_on_a_device_under_their_names(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = {
        "row targets": {"label": np.array([5, 6, 7, 8]), "start": np.array([1, 2, 3, 4]), "number": np.ones(4)},
        "masked": {"roles": np.array([1, 1, 1, *[0] * 30, 2], np.int8)},
        "segments": {"segments": np.array([0] * 5 + [1] * 9, np.int8), "labels": np.arange(14)},
    }[kind]
    if "number" in arrays:
        arrays["number"] = arrays["number"].astype(np.float32)
    batch = collate(features(**arrays), np.array([2, 0]), pad=1, moment=MOMENT)
    batch = replace(batch, states=torch.ones(1, 7, 2))
    monkeypatch.setattr("layover.inference.collate.all_to_device", packed)
    moved = batch.to(torch.device("meta"))
    assert torch.equal(moved.ids, batch.ids)
    assert torch.equal(moved.rows, batch.rows)
    assert moved.lengths is batch.lengths
    assert (moved.segments is None) == (batch.segments is None)
    if batch.segments is not None and moved.segments is not None:
        assert torch.equal(moved.segments, batch.segments)
    assert moved.targets.keys() == batch.targets.keys()
    assert batch.targets
    for name, target in batch.targets.items():
        assert torch.equal(moved.targets[name], target)
        assert moved.targets[name].dtype == target.dtype
    assert moved.states is not None
    assert moved.states.device.type == "meta"
