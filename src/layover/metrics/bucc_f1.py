"""F1 of the sentence pairs that were found in two texts: the BUCC shared task's score, and XTREME's."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._retrieval import LANGUAGE, Sought


def bucc_f1(predictions: Sequence[str | None], golds: Sequence[Sought], _language: str = "en") -> float:
    """Return the percentage F1 of pairs; each is counted once, at its sentence of the language. 0 without a hit.

    Source: `bucc_eval` of google-research/xtreme, on the pairs that are left above the threshold.
    """
    asked = [(answer, gold) for answer, gold in zip(predictions, golds, strict=True) if gold.side == LANGUAGE]
    extracted = sum(answer is not None for answer, _ in asked)
    wanted = sum(len(gold.ids) for _, gold in asked)
    right = sum(answer in gold.ids for answer, gold in asked)
    return 200.0 * right / (extracted + wanted) if right else 0.0


METRIC = Metric("bucc_f1", frozenset({"retrieval"}), higher_is_better=True, score=bucc_f1)
