"""Share of sentences of the language whose nearest English sentence is their translation."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._retrieval import LANGUAGE, Sought, found_from


def to_english(predictions: Sequence[str | None], golds: Sequence[Sought], _language: str = "en") -> float:
    """Return the percentage of the language's sentences that find their English one.

    Source: `similarity_search` of google-research/xtreme with its sides exchanged; see `retrieval_accuracy`.
    """
    return found_from(LANGUAGE, predictions, golds)


METRIC = Metric("retrieval_accuracy_to_english", frozenset({"retrieval"}), higher_is_better=True, score=to_english)
