"""Rows from which nothing can be learned, and what counts as the text of an example."""

from __future__ import annotations

from typing import Any

import pytest

from layover import kinds
from layover.data.formats import Row
from layover.data.reading import Reading
from layover.data.tally import NO_TOKEN
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError
from layover.kinds import choice, classification, mlm, span, tagging

TAGGED = Reading({"tokens": "w", "tags": "t"}, ("O", "B"))


def tagged(words: list[str], tags: object) -> Any:
    return tagging.KIND.parse(Row({"w": words, "t": tags}, "file", 3, tuple(range(3, 3 + len(words)))), TAGGED)


@pytest.mark.parametrize("tags", [["", ""], ["-", "-"], [None, None], [-1, -1], [], "", None])
def test_a_sentence_without_any_tag_has_no_gold(tags: object) -> None:
    assert not tagging.KIND.has_gold(tagged(["Kim", "sang"], tags))


def test_a_sentence_with_some_tags_is_an_error() -> None:
    with pytest.raises(DataError, match=r"file:4: '' is not a tag; write all tags of a sentence or none"):
        tagged(["Kim", "sang"], ["O", ""])
    with pytest.raises(DataError, match="there are 2 words, but their tags are"):
        tagged(["Kim", "sang"], ["O"])
    declared = Reading({"tokens": "w", "tags": "t"}, ("O", "-"))
    assert tagging.KIND.parse(Row({"w": ["Kim", "sang"], "t": ["O", "-"]}, "file", 3), declared).tags == ("O", "-")


def test_a_sentence_without_words_teaches_nothing(tokenizer: Tokenizer) -> None:
    items = [tagged(["Kim"], ["O"]), tagged([], [])]
    features = tagging.KIND.encode(items, tokenizer, labels=("O", "B"), max_length=16, stride=0)
    assert tagging.KIND.unlearnable(features, items) == {NO_TOKEN: [1]}


def test_a_text_whose_tokens_cannot_be_hidden_teaches_nothing(tokenizer: Tokenizer) -> None:
    items = [mlm.Example("the ting", None), mlm.Example("\u2603", None), mlm.Example("\u2603", "the")]
    features = mlm.KIND.encode(items, tokenizer, labels=(), max_length=16, stride=0)
    lost = mlm.KIND.unlearnable(features, items)[NO_TOKEN]
    assert 0 not in lost
    assert 2 not in lost
    ids = features.arrays["ids"][slice(*features.arrays["offsets"][1:3])]
    assert (1 in lost) == (not (features.arrays["roles"][ids] == 0).any())


@pytest.mark.parametrize(
    ("kind", "example", "texts"),
    [
        ("classification", classification.Example("a", None, None), ("a",)),
        ("classification", classification.Example("a", "b", None), ("a", "b")),
        ("choice", choice.Example("a", ("b", "c"), 0), ("a", "b", "c")),
        ("tagging", tagging.Example(("a", "b"), None), ("a b",)),
        ("span", span.Example("1", "what", "context", None), ("context", "what")),
        ("mlm", mlm.Example("a", "b"), ("a", "b")),
    ],
)
def test_all_that_the_encoder_reads_is_the_text(kind: str, example: Any, texts: tuple[str, ...]) -> None:
    assert kinds.get(kind).texts_of(example) == texts
