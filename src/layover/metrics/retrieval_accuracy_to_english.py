"""Share of sentences of the language whose nearest English sentence is their translation."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._retrieval import LANGUAGE, Sought, percent_right


def to_english(predictions: Sequence[str | None], golds: Sequence[Sought], _language: str = "en") -> float:
    """Return 100 * (the language's sentences that find a translation) / (the language's sentences), 0 to 100.

    Source: `similarity_search` of google-research/xtreme with its sides exchanged; see `retrieval_accuracy`.

    Raises:
        DataError: the numbers of predictions and golds differ, or there is no sentence of the language.
    """
    return percent_right(LANGUAGE, predictions, golds)


METRIC = Metric("retrieval_accuracy_to_english", frozenset({"retrieval"}), higher_is_better=True, score=to_english)
