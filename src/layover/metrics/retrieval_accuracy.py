"""Share of English sentences whose nearest sentence of the language is their translation: XTREME's Tatoeba score."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._retrieval import ENGLISH, Sought, percent_right


def retrieval_accuracy(predictions: Sequence[str | None], golds: Sequence[Sought], _language: str = "en") -> float:
    """Return 100 * (English sentences that find a translation) / (English sentences), 0 to 100.

    Lines are compared, not texts. If two sentences on the searched side are equal, the first one is predicted, so the
    query of the second one is wrong, as in the official evaluation. A query without a prediction is wrong.

    Source: `similarity_search` of google-research/xtreme, which indexes the language and queries with English, and
    `accuracy` of its `evaluate.py`.

    Raises:
        DataError: the numbers of predictions and golds differ, or there is no English sentence.
    """
    return percent_right(ENGLISH, predictions, golds)


METRIC = Metric("retrieval_accuracy", frozenset({"retrieval"}), higher_is_better=True, score=retrieval_accuracy)
