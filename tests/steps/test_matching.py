"""What a retrieval refuses before it embeds anything, and where embeddings are kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from layover.data.features import Features
from layover.errors import DataError, NodeError
from layover.kinds.retrieval import Example
from layover.steps import english_side
from layover.steps.english_side import EnglishSide, tokens_key
from layover.steps.matching import check_tokens, embedding_array


def features(*lengths: int) -> Features:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Features(
        {
            "ids": np.zeros(offsets[-1], np.int32),
            "offsets": offsets,
            "example": np.arange(len(lengths), dtype=np.int32),
        }
    )


def test_a_sentence_of_special_tokens_alone_has_no_mean_without_them() -> None:
    examples = [Example(name, "english", "x", ()) for name in ("e1", "e2", "e3")]
    check_tokens(features(5, 3, 4), examples, "de")
    with pytest.raises(DataError, match="de: sentence e2 of the english side has no token of its own"):
        check_tokens(features(5, 2, 4), examples, "de")


@pytest.mark.parametrize(("layers", "on_disk"), [(1, False), (3, True)])
def test_embeddings_of_several_layers_lie_on_the_disk_and_leave_nothing(
    layers: int, on_disk: bool, tmp_path: Path
) -> None:
    with embedding_array(tmp_path, (layers, 5, 4)) as embeddings:
        assert isinstance(embeddings, np.memmap) == on_disk
        embeddings[:, [3, 1]] = 7.5
        assert embeddings[layers - 1, [1, 3]].tolist() == [[7.5] * 4] * 2
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_is_an_error_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    total, used, _ = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(total, used, 2**30))
    message = r"25 layers take 2\.4 GiB of temporary disk space, but 1\.0 GiB are free; name fewer layers"
    with pytest.raises(NodeError, match=message), embedding_array(tmp_path, (25, 25_000, 1024)):
        pytest.fail("there is no room")


def test_the_last_english_side_fills_equal_ones_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    side, rows, embedded = EnglishSide(), np.array([3, 0]), []

    def filled(key: object, value: float) -> list[float]:
        into = np.zeros((2, 4, 3), np.float32)

        def embed() -> None:
            embedded.append(value)
            into[:, rows] = value

        side.fill(into, rows, key, embed)
        assert not into[:, [1, 2]].any()
        return sorted(set(into[:, rows].ravel().tolist()))

    assert filled(("a", (1,)), 1.5) == [1.5]
    assert filled(("a", (1,)), 2.5) == [1.5]
    assert filled(("b", (1,)), 3.5) == [3.5]
    assert filled(("a", (1,)), 4.5) == [4.5]
    monkeypatch.setattr(english_side, "MOST_BYTES", 2 * 2 * 3 * 4 - 1)
    assert filled("c", 5.5) == [5.5]
    assert filled("c", 6.5) == [6.5]
    assert embedded == [1.5, 3.5, 4.5, 5.5, 6.5]


def test_tokens_of_a_side_in_their_order_decide_its_key() -> None:
    def key(ids: list[int], offsets: list[int], rows: list[int], segments: list[int] | None = None) -> str:
        arrays = {
            "ids": np.array(ids, np.int32),
            "offsets": np.array(offsets, np.int64),
            "example": np.arange(len(offsets) - 1, dtype=np.int32),
        }
        if segments is not None:
            arrays["segments"] = np.array(segments, np.int8)
        return tokens_key(Features(arrays), np.array(rows))

    plain = key([5, 6, 7, 8, 9], [0, 2, 5], [0, 1])
    assert key([1, 5, 6, 7, 8, 9], [0, 1, 3, 6], [1, 2]) == plain, "other rows beside them do not count"
    others = [
        key([5, 6, 7, 8, 9], [0, 2, 5], [1, 0]),
        key([5, 6, 7, 8, 9], [0, 3, 5], [0, 1]),
        key([5, 6, 7, 8, 4], [0, 2, 5], [0, 1]),
        key([5, 6, 7, 8, 9], [0, 2, 5], [0]),
        key([5, 6, 7, 8, 9], [0, 2, 5], [0, 1], [0, 0, 0, 0, 1]),
    ]
    assert len({plain, *others}) == 6
