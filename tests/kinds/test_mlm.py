from __future__ import annotations

import numpy as np
import pytest

from layover import kinds
from layover.data.features import Features
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError, ModelError
from layover.kinds.mlm import Example

KIND = kinds.get("mlm")


def encode(examples: list[Example], tokenizer: Tokenizer, max_length: int = 16) -> Features:
    return KIND.encode(examples, tokenizer, labels=(), max_length=max_length, stride=0)


def rows_of(features: Features) -> list[list[int]]:
    offsets, ids = features.arrays["offsets"], features.arrays["ids"]
    return [ids[offsets[row] : offsets[row + 1]].tolist() for row in range(features.rows)]


@pytest.mark.parametrize("family", ["tokenizer", "segmented"])
def test_a_long_text_is_split_without_overlap_or_loss(family: str, request: pytest.FixtureRequest) -> None:
    tokenizer: Tokenizer = request.getfixturevalue(family)
    texts = ["a b c", " ".join("abcdefghijklmnopqrstuvwxyz"), "x"]
    features = encode([Example(text, None) for text in texts], tokenizer)
    assert features.lengths.max() <= 16
    for number, text in enumerate(texts):
        mine = [row[1:-1] for row, owner in zip(rows_of(features), features.arrays["example"], strict=True)
                if owner == number]  # fmt: skip
        assert [token for row in mine for token in row] == tokenizer.pieces([text])[text].ids.tolist()
        assert max(map(len, mine)) - min(map(len, mine)) <= 1
    assert ("segments" in features.arrays) == tokenizer.segmented


def test_a_pair_is_one_row_and_the_longer_text_gives_way(tokenizer: Tokenizer) -> None:
    features = encode(
        [Example("ab", "cd"), Example("ab", "c d e f g h i j k l m n o p"), Example("ab", None)], tokenizer
    )
    first, second, alone = rows_of(features)
    one = tokenizer.pieces(["ab"])["ab"].ids.tolist()
    assert first == [0, *one, 2, 2, *tokenizer.pieces(["cd"])["cd"].ids.tolist(), 2]
    assert len(second) == 16
    assert second[: len(one) + 3] == [0, *one, 2, 2]
    assert alone == [0, *one, 2]
    with pytest.raises(DataError, match="max_length 5 has no room"):
        encode([Example("a", "b")], tokenizer, max_length=5)


def test_features_travel_with_their_vocabulary(tokenizer: Tokenizer, tmp_path: object) -> None:
    features = encode([Example("ab", "cd")], tokenizer)
    assert features.mask_token == tokenizer.mask
    assert len(features.ordinary) == tokenizer.size - 5
    assert tokenizer.unk not in features.ordinary


def test_a_prediction_sums_the_windows_of_a_text(tokenizer: Tokenizer) -> None:
    examples = [Example("a", None), Example(" ".join("abcdefghijklmnopqrst"), None), Example("b", "c")]
    features = encode(examples, tokenizer)
    assert features.arrays["example"].tolist() == [0, 1, 1, 1, 2]
    outputs = {
        "nats": np.array([1.5, 2, 3, 4, 0.25], np.float32),
        "masked": np.array([1, 2, 2, 1, 1]),
        "correct": np.array([1, 0, 2, 0, 0]),
    }
    predictions = KIND.decode(outputs, features, examples, labels=())
    assert predictions == [
        {"nats": 1.5, "masked": 1, "correct": 1},
        {"nats": 9.0, "masked": 5, "correct": 2},
        {"nats": 0.25, "masked": 1, "correct": 0},
    ]
    scores = KIND.score(predictions, examples, metrics=KIND.metrics, language="en")
    assert scores == {"mlm_accuracy": pytest.approx(300 / 7), "mlm_loss": pytest.approx(10.75 / 7)}
    outputs["nats"][3] = np.nan
    with pytest.raises(ModelError, match="'nats' of the model contains NaN"):
        KIND.decode(outputs, features, examples, labels=())


def test_examples_are_their_own_gold() -> None:
    example = Example("a", "b")
    assert KIND.has_gold(example)
    assert KIND.group_of(example) == "a"
    assert KIND.from_json(KIND.to_json(example)) == example
    assert KIND.metrics[0] == "mlm_accuracy"
    assert KIND.logits_per_token(1000, 15) == 150
