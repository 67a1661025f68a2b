"""Windows over a long context, each after the question, and the position of the answer in each window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from layover.data.features import Array
from layover.data.tokenizer import Ids, Pieces, Tokenizer
from layover.errors import DataError
from layover.kinds._arrays import columns, flat

QUESTION_TOKENS = 64
"""A longer question is cut at its end, as in the SQuAD scripts of BERT and XTREME."""


def encode_windows(
    texts: Sequence[tuple[Pieces, Pieces]],
    answers: Sequence[tuple[int, int] | None],
    tokenizer: Tokenizer,
    max_length: int,
    stride: int,
) -> dict[str, Array]:
    """Return the features of (question, context) pairs.

    A question has at most `QUESTION_TOKENS` tokens, and takes at most half of a row. Two windows share `stride` tokens,
    but at most half a window.

    Args:
        texts: Tokens of (question, context) pairs.
        answers: First character and end character of each answer; (-1, -1) for no answer, None for no gold. Windows
            that do not contain the whole answer are labelled 0.
        tokenizer: Tokenizer of the encoder.
        max_length: Largest number of tokens in a row.
        stride: Number of tokens that two windows share.

    Raises:
        DataError: `max_length` has no room for a question and a window.
    """
    room = max_length - tokenizer.overhead(pair=True)
    longest = min(QUESTION_TOKENS, room // 2)
    if room < 4 or stride < 0:
        raise DataError(
            f"max_length {max_length} and stride {stride} leave no room for a question and a context; change them"
        )
    rows = _Rows(tokenizer)
    for number, ((question, context), answer) in enumerate(zip(texts, answers, strict=True)):
        question_ids, labels = question.ids[:longest], _tokens_of(context, answer)
        for first, last in _windows(len(context.ids), room - len(question_ids), stride):
            rows.add(number, question_ids, context, labels, first, last)
    return rows.arrays()


class _Rows:
    """The rows of all windows."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: list[npt.NDArray[np.generic]] = []
        self._segments: list[npt.NDArray[np.int8] | None] = []
        self._characters: dict[str, list[npt.NDArray[np.generic]]] = {"char_start": [], "char_end": []}
        self._rows: list[tuple[int, int, int]] = []  # example, start, end

    def add(
        self, number: int, question_ids: Ids, context: Pieces, labels: tuple[int, int] | None, first: int, last: int
    ) -> None:
        """Add the window `first` to `last` of a context."""
        before = len(question_ids) + self._tokenizer.overhead(pair=True) - 1  # tokens before the window
        ids, types = self._tokenizer.row(question_ids, context.ids[first:last])
        self._ids.append(ids)
        self._segments.append(types)
        self._characters["char_start"].append(_padded(context.start, first, last, before))
        self._characters["char_end"].append(_padded(context.end, first, last, before))
        self._rows.append((number, *_inside(labels, first, last, before)))

    def arrays(self) -> dict[str, Array]:
        """Return the rows as feature arrays."""
        owner, start, end = np.array(self._rows, np.int64).reshape(-1, 3).T
        arrays: dict[str, Array] = {name: columns(rows, np.int32) for name, rows in self._characters.items()}
        arrays |= {"start": start.copy(), "end": end.copy()}
        return {**flat(self._ids, owner.tolist(), self._segments), **arrays}


def _windows(tokens: int, room: int, stride: int) -> Iterator[tuple[int, int]]:
    """Yield the borders of windows of `room` tokens that share `stride` tokens, but at most half a window."""
    shared = min(stride, room // 2)
    first = 0
    while True:
        yield first, min(first + room, tokens)
        if first + room >= tokens:
            return
        first += room - shared


def _tokens_of(context: Pieces, answer: tuple[int, int] | None) -> tuple[int, int] | None:
    """Return the first and the last token of the shortest token span that covers an answer.

    The borders of tokens never decrease. Tokens without own characters (a bare "▁") are never a border.
    """
    if answer is None or answer == (-1, -1) or context.start is None or context.end is None:
        return answer
    first = int(np.searchsorted(context.end, answer[0], side="right"))
    last = int(np.searchsorted(context.start, answer[1], side="left")) - 1
    return (first, last) if first <= last else (-1, -1)


def _inside(labels: tuple[int, int] | None, first: int, last: int, before: int) -> tuple[int, int]:
    if labels is None:
        return -1, -1
    if labels == (-1, -1) or labels[0] < first or labels[1] >= last:
        return 0, 0
    return labels[0] - first + before, labels[1] - first + before


def _padded(values: npt.NDArray[np.int32] | None, first: int, last: int, before: int) -> npt.NDArray[np.int32]:
    """Return the character borders of a window; -1 at the tokens of the question and at special tokens."""
    padded = np.full(before + last - first + 1, -1, np.int32)
    if values is not None:
        padded[before:-1] = values[first:last]
    return padded
