from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layover import kinds
from layover.data.formats import Row
from layover.data.reading import Reading
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError
from layover.kinds.tagging import Example

LABELS = ("O", "B", "I")
KIND = kinds.get("tagging")


def gold_outputs(labels: np.ndarray) -> dict[str, np.ndarray]:
    return {"tags": np.maximum(labels, 0).astype(np.int16)}


def test_first_subwords_carry_the_tags(tokenizer: Tokenizer) -> None:
    example = Example(("the", "ab", "ing"), ("O", "B", "I"))
    features = KIND.encode([example], tokenizer, labels=LABELS, max_length=20, stride=0)
    assert features.arrays["labels"].tolist() == [-100, 0, 1, -100, 2, -100, -100]
    assert features.arrays["word"].tolist() == [-1, 0, 1, -1, 2, -1, -1]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(st.text("abกด the\u200b🙂", max_size=9), max_size=12),
        min_size=1,
        max_size=4,
    ),
    st.integers(3, 14),
)
def test_sentences_are_split_between_words_and_put_together_again(
    tokenizer: Tokenizer, sentences: list[list[str]], max_length: int
) -> None:
    examples = [
        Example(tuple(words), tuple(LABELS[(len(word) + i) % 3] for i, word in enumerate(words))) for words in sentences
    ]
    features = KIND.encode(examples, tokenizer, labels=LABELS, max_length=max_length, stride=0)
    assert features.lengths.max() <= max_length
    predictions = KIND.decode(gold_outputs(features.arrays["labels"]), features, examples, labels=LABELS)
    assert predictions == [list(example.tags or ()) for example in examples]
    offsets, ids = features.arrays["offsets"], features.arrays["ids"]
    for first, last in pairwise(offsets):
        assert (ids[first], ids[last - 1]) == (tokenizer.cls, tokenizer.sep)


def test_words_without_and_with_too_many_subwords(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.pieces([""])[""].ids) == 0
    example = Example(("", "abcdefghijkl", "a"), ("B", "I", "O"))
    features = KIND.encode([example], tokenizer, labels=LABELS, max_length=6, stride=0)
    assert features.lengths.tolist() == [3, 6, 3]
    assert features.arrays["ids"][1] == tokenizer.unk
    assert KIND.decode(gold_outputs(features.arrays["labels"]), features, [example], labels=LABELS) == [["B", "I", "O"]]


def test_no_gold_and_no_words(tokenizer: Tokenizer) -> None:
    examples = [Example(("a", "b"), None), Example((), ())]
    features = KIND.encode(examples, tokenizer, labels=LABELS, max_length=8, stride=0)
    assert set(features.arrays["labels"].tolist()) == {-100}
    tags = {"tags": np.ones(len(features.arrays["ids"]), np.int16)}
    assert KIND.decode(tags, features, examples, labels=LABELS) == [["B", "B"], []]
    assert [KIND.has_gold(example) for example in examples] == [False, True]
    with pytest.raises(DataError, match="not the same data"):
        KIND.decode(tags, features, examples[1:], labels=LABELS)
    with pytest.raises(DataError, match="no room for a word"):
        KIND.encode(examples, tokenizer, labels=LABELS, max_length=2, stride=0)


def test_a_tag_that_is_no_label_is_not_learned_and_counts_as_wrong(tokenizer: Tokenizer) -> None:
    example = Example(("a", "b", "a"), ("O", "NEW", "B"))
    features = KIND.encode([example], tokenizer, labels=LABELS, max_length=12, stride=0)
    starts = features.arrays["word"] >= 0
    assert features.arrays["labels"][starts].tolist() == [0, -100, 1]
    (found,) = KIND.decode(gold_outputs(features.arrays["labels"]), features, [example], labels=LABELS)
    assert found == ["O", "O", "B"]
    scores = KIND.score([found], [example], metrics=("token_accuracy",), language="en")
    assert scores == {"token_accuracy": pytest.approx(200 / 3)}


def parse(tokens: object, tags: object) -> Example:
    row = Row({"w": tokens, "t": tags}, "x.conll", 4, (4, 5, 9))
    return KIND.parse(row, Reading({"tokens": "w", "tags": "t"}, LABELS, codes=LABELS))


def test_parse() -> None:
    assert parse(["a", "b"], ["O", 1]) == Example(("a", "b"), ("O", "B"))
    with pytest.raises(DataError, match=r"x\.conll:9: 'C' is not a label"):
        parse(["a", "b", "c"], ["O", "B", "C"])
    with pytest.raises(DataError, match=r"x\.conll:5: '-' is not a tag; write all tags of a sentence or none"):
        parse(["a", "b", "c"], ["O", "-", "B"])
    with pytest.raises(DataError, match="2 words, but their tags are"):
        parse(["a", "b"], ["O"])


def test_parse_without_declared_labels() -> None:
    reading = Reading({"tokens": "w", "tags": "t"}, open=True)
    row = Row({"w": ["a", "b"], "t": ["N/N", "B"]}, "x.conll", 4, (4, 5))
    assert KIND.parse(row, reading) == Example(("a", "b"), ("N/N", "B"))
    for tag, message in [("", "'' is not a tag"), ("-", "'-' is not a tag"), (3, "3 is not a label; text is needed")]:
        with pytest.raises(DataError, match=rf"x\.conll:5: {message}"):
            KIND.parse(Row({**row.values, "t": ["N/N", tag]}, "x.conll", 4, (4, 5)), reading)
