"""Share of masked tokens that are predicted correctly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from layover.metrics._metric import Metric
from layover.metrics._paired import per_masked_token


def mlm_accuracy(predictions: Sequence[Mapping[str, float]], golds: Sequence[object], _language: str = "en") -> float:
    """Return the percentage of masked tokens, over all examples, whose most likely token is the original token.

    Source: `masked_lm_accuracy` of `run_pretraining.py` of google-research/bert.
    """
    return 100.0 * per_masked_token(predictions, golds, "correct")


METRIC = Metric("mlm_accuracy", frozenset({"mlm"}), higher_is_better=True, score=mlm_accuracy)
