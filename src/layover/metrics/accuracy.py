"""Share of examples whose prediction equals gold: the XTREME metric of XNLI, PAWS-X and XCOPA."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from layover.metrics._metric import Metric


def accuracy(predictions: Sequence[Hashable], golds: Sequence[Hashable], _language: str = "en") -> float:
    """Return the percentage of predictions that equal gold.

    Source: `evaluate.py` of google-research/xtreme.
    """
    hits = sum(prediction == gold for prediction, gold in zip(predictions, golds, strict=True))
    return 100.0 * hits / len(golds)


METRIC = Metric("accuracy", frozenset({"classification", "choice"}), higher_is_better=True, score=accuracy)
