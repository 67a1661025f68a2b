"""Exact match of MLQA answers."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._mlqa import normalise
from layover.metrics._squad import exact, percent


def mlqa_em(predictions: Sequence[str], golds: Sequence[Sequence[str]], language: str = "en") -> float:
    """Return the percentage of questions whose answer equals one of its golds, normalised by the context's language.

    Source: mlqa_evaluation_v1.py of facebookresearch/MLQA, as XTREME uses it.
    """
    return percent(predictions, golds, exact, lambda answer: normalise(answer, language))


METRIC = Metric("mlqa_em", frozenset({"span"}), higher_is_better=True, score=mlqa_em)
