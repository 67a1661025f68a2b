"""Questions, their answers as files write them, and the stretch of a context that answers best among all windows."""

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
    answers = [
        Answer(text, start) for text, at in pairs or () if isinstance(text, str) and (start := whole(at)) is not None
    ]
    if pairs is None or len(answers) < len(pairs):
        shown = repr(raw)
        raise DataError(
            f"{row.where()}: the answers are {shown if len(shown) <= 60 else f'{shown[:57]}...'}; write texts, and the "
            "characters of the context where they begin, equally many: "
            '{"text": ["Paris"], "answer_start": [0]}, or [{"text": "Paris", "answer_start": 0}]; no answer is []'
        )
    return tuple(answers)


def _pairs(raw: object) -> list[tuple[object, object]] | None:
    """Return each answer and where it begins, None where this is written in neither way."""
    if isinstance(raw, list | tuple):
        entries = [entry for entry in raw if isinstance(entry, Mapping) and {"text", "answer_start"} <= {*entry}]
        return [(entry["text"], entry["answer_start"]) for entry in entries] if len(entries) == len(raw) else None
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


class BestSpan:
    """The best stretch and the lowest null score of the windows of one question."""

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
        """Look at one window: logits (T,), character borders (T,), -1 outside the context.

        Every pair start <= end of at most `ANSWER_TOKENS` tokens is compared, not only those of the n best
        starts and ends.
        """
        self.null = min(self.null, float(start[0]) + float(end[0]))
        tokens = np.flatnonzero(char_end > char_start)  # the context's, without bare spaces
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
    """Return the margin up to which answers are kept so that the sum of what they gain over silence is highest.

    It lies in the middle between the last answer kept and the first one dropped; equal margins cannot be parted.

    Args:
        margins: Null score minus the answer's score, (questions,).
        gains: Score of the answer minus that of the empty text, (questions,).
    """
    order = np.argsort(margins, kind="stable")
    ordered, totals = margins[order], np.concatenate([[0.0], np.cumsum(gains[order])])
    possible = np.flatnonzero(np.concatenate([[True], ordered[1:] > ordered[:-1], [True]]))  # answers kept
    kept = int(possible[totals[possible].argmax()])
    if kept == 0:
        return float(np.nextafter(ordered[0], -np.inf))
    return float(ordered[-1] if kept == len(ordered) else (ordered[kept - 1] + ordered[kept]) / 2)
