"""Token F1 of SQuAD answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._squad import normalise, percent


def overlap(prediction: str, gold: str) -> float:
    """Return F1 of the whitespace tokens that both answers share, 0 when they share none.

    Thai and Chinese have few spaces, so there it is close to exact match, as in XTREME.
    """
    predicted, wanted = normalise(prediction).split(), normalise(gold).split()
    shared = (Counter(predicted) & Counter(wanted)).total()
    if not shared:
        return 0.0
    precision, recall = shared / len(predicted), shared / len(wanted)
    return 2 * precision * recall / (precision + recall)


def squad_f1(predictions: Sequence[str], golds: Sequence[Sequence[str]], _language: str = "en") -> float:
    """Return the mean F1 with the best gold of each question, in percent.

    Source: the official SQuAD v1.1 script, as XTREME uses it; without golds as in the v2.0 script.
    """
    return percent(predictions, golds, overlap)


METRIC = Metric("squad_f1", frozenset({"span"}), higher_is_better=True, score=squad_f1)
