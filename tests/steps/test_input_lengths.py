"""The length of an input before it is cut, for every kind, and the window with the answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from layover import kinds
from layover.data.subset import Subset
from layover.data.tokenizer import Tokenizer
from layover.kinds.classification import Example
from layover.specs import TokenizerSpec
from layover.specs.tokenize import DataSpec, TokenizeSpec
from layover.steps.input_lengths import input_lengths

WORDS = ["the", "bridge", "is", "over", "the", "river", "and", "the", "town", "is", "old"]


def spec(kind: str, labels: tuple[str, ...] = (), max_length: int = 16) -> TokenizeSpec:
    return TokenizeSpec(
        data=DataSpec({}),
        subset=Subset(),
        kind=kind,
        labels=labels,
        tokenizer=TokenizerSpec(),
        max_length=max_length,
    )


def lengths(kind_name: str, examples: list[Any], tokenizer: Tokenizer, given: TokenizeSpec) -> list[int]:
    kind = kinds.get(kind_name)
    features = kind.encode(examples, tokenizer, labels=given.labels, max_length=given.max_length, stride=4)
    return input_lengths(features, examples, tokenizer, given)


def tokens(text: str, tokenizer: Tokenizer) -> int:
    return len(tokenizer.pieces([text])[text].ids)


def test_a_pair_has_all_its_tokens_and_those_around(tokenizer: Tokenizer) -> None:
    texts = [" ".join(WORDS * times) for times in (1, 2, 5)]
    examples = [
        Example(text, second, "a") for text, second in [*((text, None) for text in texts), (texts[0], texts[1])]
    ]
    found = lengths("classification", examples, tokenizer, spec("classification", ("a", "b")))
    counts = [tokens(text, tokenizer) for text in texts]
    pair = counts[0] + counts[1] + tokenizer.overhead(pair=True)
    assert found == [*(count + 2 for count in counts), pair]


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_at_the_border(over: int, tokenizer: Tokenizer) -> None:
    text = " ".join(WORDS)
    count = tokens(text, tokenizer) + 2
    given = replace(spec("classification", ("a", "b")), max_length=count - over)
    assert lengths("classification", [Example(text, None, "a")], tokenizer, given) == [count]


def test_a_question_with_choices_has_the_length_of_the_longest(tokenizer: Tokenizer) -> None:
    kind = kinds.get("choice")
    short, long = WORDS[0], " ".join(WORDS * 4)
    example = kind.from_json({"first": short, "choices": [short, long], "shared": None, "label": 1, "id": None})
    (found,) = lengths("choice", [example], tokenizer, spec("choice"))
    assert found == tokens(short, tokenizer) + tokens(long, tokenizer) + tokenizer.overhead(pair=True)


@pytest.mark.parametrize("max_length", range(10, 20))
def test_words_in_parts_are_one_input(max_length: int, tokenizer: Tokenizer) -> None:
    """Parts end between words, so that none of them may be full."""
    kind = kinds.get("tagging")
    example = kind.from_json({"tokens": WORDS * 4, "tags": ["O"] * len(WORDS) * 4, "id": None})
    (found,) = lengths("tagging", [example], tokenizer, spec("tagging", ("O", "B-X"), max_length))
    assert found == sum(tokens(word, tokenizer) for word in WORDS * 4) + 2


def test_a_context_in_windows_is_one_input_and_its_answer_is_in_one(tokenizer: Tokenizer) -> None:
    kind = kinds.get("span")
    context = " ".join([*WORDS * 3, "here is the ending"])

    def example(answer: str | None, start: int | None = None) -> Any:
        place = context.index(answer) if answer and start is None else start
        return kind.from_json(
            {
                "id": "q",
                "question": "what",
                "context": context,
                "answers": None if answer is None else [[answer, place]],
            }
        )

    examples = [example("bridge"), example("ending"), example(None)]
    given = spec("span")
    features = kind.encode(examples, tokenizer, labels=(), max_length=given.max_length, stride=4)
    found = input_lengths(features, examples, tokenizer, given)
    whole = tokens("what", tokenizer) + tokens(context, tokenizer) + tokenizer.overhead(pair=True)
    assert found == [whole] * 3
    windows = kind.answer_windows(features, examples)
    rows = int((features.arrays["example"] == 1).sum())
    assert rows > 2
    assert windows == [0, rows - 1, None]
    assert kinds.get("classification").answer_windows(features, examples) == [None] * 3


def test_an_answer_in_two_windows_is_in_the_first(tokenizer: Tokenizer) -> None:
    kind = kinds.get("span")
    words = [f"{word}{number}" for number, word in enumerate(WORDS * 2)]
    context = " ".join(words)
    examples = [
        kind.from_json({"id": word, "question": "what", "context": context, "answers": [[word, context.index(word)]]})
        for word in words
    ]
    features = kind.encode(examples, tokenizer, labels=(), max_length=32, stride=12)
    owner, start = features.arrays["example"], features.arrays["start"]
    expected = [[int(place) for place in np.flatnonzero(start[owner == number])] for number in range(len(words))]
    assert any(len(windows) > 1 for windows in expected), "no answer is in two windows"
    found = kind.answer_windows(features, examples)
    assert found == [windows[0] if windows else None for windows in expected]
