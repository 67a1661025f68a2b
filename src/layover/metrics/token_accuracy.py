"""Share of words whose tag equals gold: what most papers call part-of-speech accuracy."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric


def token_accuracy(
    predictions: Sequence[Sequence[str]], golds: Sequence[Sequence[str]], _language: str = "en"
) -> float:
    """Return the percentage of words, over all sentences, whose predicted tag equals gold.

    Source: the accuracy of the CoNLL 2018 shared task on gold words (UPOS). 0 when there is no word at all.
    """
    words = hits = 0
    for prediction, gold in zip(predictions, golds, strict=True):
        words += len(gold)
        hits += sum(tag == true for tag, true in zip(prediction, gold, strict=True))
    return 100.0 * hits / words if words else 0.0


METRIC = Metric("token_accuracy", frozenset({"tagging"}), higher_is_better=True, score=token_accuracy)
