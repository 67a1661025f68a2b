"""Questions, and their answers as files write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from layover.data.formats import Row
from layover.data.right_choice import whole
from layover.errors import DataError


@dataclass(frozen=True, slots=True)
class Answer:
    """A stretch of the context, from the character `start` on."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Example:
    """A question about a context. No answers in the tuple: it has none; None instead of a tuple: no gold."""

    id: str
    question: str
    context: str
    answers: tuple[Answer, ...] | None


def answers_of(raw: object, row: Row) -> tuple[Answer, ...]:
    """Return the answers of a row: lists of texts and starts, as `datasets` has them, or a list of both, as SQuAD."""
    pairs = _pairs(raw)
    found = [
        Answer(text, start) for text, at in pairs or () if isinstance(text, str) and (start := whole(at)) is not None
    ]
    if pairs is None or len(found) < len(pairs):
        shown = repr(raw)
        raise DataError(
            f"{row.where()}: the answers are {shown if len(shown) <= 60 else f'{shown[:57]}...'}; write texts, and the "
            "characters of the context where they begin, equally many: "
            '{"text": ["Paris"], "answer_start": [0]}, or [{"text": "Paris", "answer_start": 0}]; no answer is []'
        )
    return tuple(found)


def _pairs(raw: object) -> list[tuple[object, object]] | None:
    """Return each answer and where it begins, None where this is written in neither way."""
    if isinstance(raw, list | tuple):
        whole_ones = [one for one in raw if isinstance(one, Mapping) and {"text", "answer_start"} <= {*one}]
        return [(one["text"], one["answer_start"]) for one in whole_ones] if len(whole_ones) == len(raw) else None
    texts, starts = (raw.get("text"), raw.get("answer_start")) if isinstance(raw, Mapping) else (None, None)
    if not isinstance(texts, list | tuple) or not isinstance(starts, list | tuple) or len(texts) != len(starts):
        return None
    return list(zip(texts, starts, strict=True))


def border(example: Example) -> tuple[int, int] | None:
    """Return the characters of the answer to learn, the first one, without white space at its ends.

    White space is no token of its own: it may begin a token, or be a bare "▁" that a prediction never begins with.
    (-1, -1) for no answer, None for no gold.
    """
    if example.answers is None:
        return None
    if not example.answers:
        return -1, -1
    text = example.answers[0].text
    start = example.answers[0].start + len(text) - len(text.lstrip())
    return start, start + len(text.strip())
