"""Exact match of MLQA answers."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._mlqa import normalise
from layover.metrics._squad import exact, percent


def mlqa_em(predictions: Sequence[str], golds: Sequence[Sequence[str]], language: str = "en") -> float:
    """Return 100 * (questions whose answer equals one of its golds, both normalised) / (questions), 0 to 100.

    The normalisation follows `language`, the language of the context; the language of the question has no effect.
    Questions of MLQA always have an answer. In other tasks, a question without gold needs an answer without words.

    Source: mlqa_evaluation_v1.py of facebookresearch/MLQA, as XTREME uses it.

    Raises:
        DataError: MLQA does not have the language; the numbers of predictions and golds differ, or there are none.
    """
    return percent(predictions, golds, exact, lambda answer: normalise(answer, language))


METRIC = Metric("mlqa_em", frozenset({"span"}), higher_is_better=True, score=mlqa_em, per_row=True, hub="exact_match")
