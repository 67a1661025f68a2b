"""A metric: the mean, over the labels of the gold, of the share of their examples that are right."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics import Metric


def balanced(predictions: Sequence[str], golds: Sequence[str], _language: str = "en") -> float:
    """Return 0 to 100."""
    right: dict[str, list[bool]] = {}
    for prediction, gold in zip(predictions, golds, strict=True):
        right.setdefault(gold, []).append(prediction == gold)
    return 100.0 * sum(sum(one) / len(one) for one in right.values()) / len(right)


BALANCED = Metric("balanced", frozenset({"classification", "verdict"}), higher_is_better=True, score=balanced)
