"""Questions, their answers as files write them, and the best span of a context among all windows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layover.data.formats import Row
from layover.data.right_choice import whole
from layover.errors import DataError
from layover.identity import Json

ANSWER_TOKENS = 30
"""Longest answer in tokens, as in the SQuAD scripts of BERT and XTREME."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A span of the context that begins at the character `start`."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Example:
    """A question about a context. An empty tuple means no answer; None means no gold."""

    id: str
    question: str
    context: str
    answers: tuple[Answer, ...] | None


def answers_of(raw: object, row: Row) -> tuple[Answer, ...]:
    """Return the answers of a row: lists of texts and of starts, as in `datasets`, or one list of both, as in SQuAD."""
    pairs = _pairs(raw)
    answers = [
        Answer(text, start) for text, at in pairs or () if isinstance(text, str) and (start := whole(at)) is not None
    ]
    if pairs is None or len(answers) < len(pairs):
        shown = repr(raw)
        raise DataError(
            f"{row.where()}: the answers are {shown if len(shown) <= 60 else f'{shown[:57]}...'}; write the texts, and "
            "for each text its start character in the context: "
            '{"text": ["Paris"], "answer_start": [0]}, or [{"text": "Paris", "answer_start": 0}]; no answer is []'
        )
    return tuple(answers)


def _pairs(raw: object) -> list[tuple[object, object]] | None:
    """Return the text and the start of each answer; None if they are in neither form."""
    if isinstance(raw, list | tuple):
        entries = [entry for entry in raw if isinstance(entry, Mapping) and {"text", "answer_start"} <= {*entry}]
        return [(entry["text"], entry["answer_start"]) for entry in entries] if len(entries) == len(raw) else None
    texts, starts = (raw.get("text"), raw.get("answer_start")) if isinstance(raw, Mapping) else (None, None)
    if not isinstance(texts, list | tuple) or not isinstance(starts, list | tuple) or len(texts) != len(starts):
        return None
    return list(zip(texts, starts, strict=True))


def border(example: Example) -> tuple[int, int] | None:
    """Return the first and the last character of the first answer, without white space at its ends.

    White space has no token of its own: it begins a token, or it is a bare "▁", where a prediction never begins.
    Returns (-1, -1) for no answer and None for no gold.
    """
    if example.answers is None:
        return None
    if not example.answers:
        return -1, -1
    text = example.answers[0].text
    start = example.answers[0].start + len(text) - len(text.lstrip())
    return start, start + len(text.strip())


class BestSpan:
    """The best span and the lowest null score of the windows of one question."""

    def __init__(self) -> None:
        self.score: float | None = None
        self.null = float("inf")
        self.borders = (0, 0)

    def see(
        self,
        start: npt.NDArray[Any],
        end: npt.NDArray[Any],
        char_start: npt.NDArray[Any],
        char_end: npt.NDArray[Any],
    ) -> None:
        """Compare the spans of one window with the best span.

        All spans of at most `ANSWER_TOKENS` tokens are compared, and not only the n best starts and ends.

        Args:
            start: Logits of the first token, (T,).
            end: Logits of the last token, (T,).
            char_start: First character of each token, (T,); -1 outside the context.
            char_end: End character of each token, (T,); -1 outside the context.
        """
        self.null = min(self.null, float(start[0]) + float(end[0]))
        tokens = np.flatnonzero(char_end > char_start)  # tokens of the context, without bare spaces
        if not len(tokens):
            return
        first, last = int(tokens[0]), int(tokens[-1]) + 1
        usable = (char_end > char_start)[first:last]
        starts = np.where(usable, start[first:last], -np.inf).astype(np.float64)
        ends = np.where(usable, end[first:last], -np.inf).astype(np.float64)
        padded = np.concatenate([ends, np.full(ANSWER_TOKENS - 1, -np.inf)])
        reach = np.lib.stride_tricks.sliding_window_view(padded, ANSWER_TOKENS)  # (T, ANSWER_TOKENS)
        totals = starts + reach.max(axis=1)
        at = int(totals.argmax())
        if self.score is None or totals[at] > self.score:
            self.score = float(totals[at])
            self.borders = int(char_start[first + at]), int(char_end[first + at + int(reach[at].argmax())])

    def prediction(self, example: Example, may_be_none: bool) -> dict[str, Json]:
        score = self.null if self.score is None else self.score
        text = example.context[slice(*self.borders)]
        return {"text": text, "score": score, "null_score": self.null if may_be_none else None}


def best_threshold(margins: npt.NDArray[np.float64], gains: npt.NDArray[np.float64]) -> float:
    """Return the largest margin of answers to keep, so that their total gain over empty answers is highest.

    The threshold is midway between the last kept answer and the first dropped one. Answers with equal margins are kept
    or dropped together.

    Args:
        margins: Null score minus the answer's score, (questions,).
        gains: Score of the answer minus the score of an empty answer, (questions,).
    """
    order = np.argsort(margins, kind="stable")
    ordered, totals = margins[order], np.concatenate([[0.0], np.cumsum(gains[order])])
    # possible numbers of kept answers
    possible = np.flatnonzero(np.concatenate([[True], ordered[1:] > ordered[:-1], [True]]))
    kept = int(possible[totals[possible].argmax()])
    if kept == 0:
        return float(np.nextafter(ordered[0], -np.inf))
    return float(ordered[-1] if kept == len(ordered) else (ordered[kept - 1] + ordered[kept]) / 2)
