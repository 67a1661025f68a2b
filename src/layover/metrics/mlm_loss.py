"""Mean negative log likelihood of masked tokens; comparable between models with the same tokenizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from layover.metrics._metric import Metric
from layover.metrics._paired import per_masked_token


def mlm_loss(predictions: Sequence[Mapping[str, float]], golds: Sequence[object], _language: str = "en") -> float:
    """Return the mean of -log p over the masked tokens of all examples, in nats.

    Source: `masked_lm_loss` of `run_pretraining.py` of google-research/bert.
    """
    return per_masked_token(predictions, golds, "nats")


METRIC = Metric("mlm_loss", frozenset({"mlm"}), higher_is_better=False, score=mlm_loss, unit="nats per masked token")
