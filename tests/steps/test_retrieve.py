"""What a retrieval refuses before it embeds anything."""

from __future__ import annotations

import numpy as np
import pytest

from layover.data.features import Features
from layover.errors import DataError
from layover.kinds.retrieval import Example
from layover.steps.retrieve import check_tokens


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
