"""The score of one prediction on its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from layover.identity import Json

RIGHT = "right"
"""The field of most kinds: whether the prediction equals gold."""


@dataclass(frozen=True)
class RowScore:
    """The score of one prediction on its own, without the other rows of its data."""

    error: float
    """0 if nothing is wrong; a larger number is worse. It orders rows of one cell, and has the unit of its kind."""
    values: Mapping[str, Json]
    """Field -> value; `Kind.row_score_fields` names the fields."""
    detail: str = ""
    """What is wrong, in one line; empty if gold and prediction show it."""


def same(answer: object, gold: object) -> bool:
    """Return whether an answer equals gold; a list equals a tuple of the same values, because a prediction is JSON."""
    if isinstance(answer, list | tuple) and isinstance(gold, list | tuple):
        return len(answer) == len(gold) and all(map(same, answer, gold))
    return answer == gold


def right_or_wrong(right: bool) -> RowScore:
    """Return the score of a prediction that is right or wrong."""
    return RowScore(float(not right), {RIGHT: right})
