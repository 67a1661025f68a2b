"""Exact match of SQuAD answers."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._squad import exact, percent


def squad_em(predictions: Sequence[str], golds: Sequence[Sequence[str]], _language: str = "en") -> float:
    """Return the percentage of questions whose answer equals one of its golds.

    Source: the official SQuAD v1.1 script, as XTREME uses it; without golds as in the v2.0 script.
    """
    return percent(predictions, golds, exact)


METRIC = Metric("squad_em", frozenset({"span"}), higher_is_better=True, score=squad_em)
