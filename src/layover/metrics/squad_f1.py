"""Token F1 of SQuAD answers."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._squad import overlap, percent


def squad_f1(predictions: Sequence[str], golds: Sequence[Sequence[str]], _language: str = "en") -> float:
    """Return the mean F1 with the best gold of each question, in percent.

    Tokens stand between spaces: in Thai and Chinese, with few of them, it is close to exact match, as in XTREME.

    Source: the official SQuAD v1.1 script, as XTREME uses it; without golds as in the v2.0 script.
    """
    return percent(predictions, golds, overlap)


METRIC = Metric("squad_f1", frozenset({"span"}), higher_is_better=True, score=squad_f1)
