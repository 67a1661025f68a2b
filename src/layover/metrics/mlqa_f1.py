"""Token F1 of MLQA answers."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._mlqa import normalise
from layover.metrics._squad import overlap, percent


def mlqa_f1(predictions: Sequence[str], golds: Sequence[Sequence[str]], language: str = "en") -> float:
    """Return the mean F1 with the best gold of each question, in percent, normalised by the language of the context.

    Source: mlqa_evaluation_v1.py of facebookresearch/MLQA, as XTREME uses it.
    """
    return percent(predictions, golds, overlap, lambda answer: normalise(answer, language))


METRIC = Metric("mlqa_f1", frozenset({"span"}), higher_is_better=True, score=mlqa_f1)
