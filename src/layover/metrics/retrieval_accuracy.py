"""Share of English sentences whose nearest sentence of the language is their translation: XTREME's Tatoeba score."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._retrieval import ENGLISH, Sought, percent_right


def retrieval_accuracy(predictions: Sequence[str | None], golds: Sequence[Sought], _language: str = "en") -> float:
    """Return 100 * (English sentences that find a translation) / (English sentences), 0 to 100.

    What counts is the line, not the text: of two equal sentences on the searched side the first is found, and the
    query that belongs to the second is wrong, as in the official evaluation. A sentence that finds nothing is wrong.

    Source: `similarity_search` of google-research/xtreme, which indexes the language and queries with English, and
    `accuracy` of its `evaluate.py`.

    Raises:
        DataError: predictions and golds are not equally many, or there is no English sentence.
    """
    return percent_right(ENGLISH, predictions, golds)


METRIC = Metric("retrieval_accuracy", frozenset({"retrieval"}), higher_is_better=True, score=retrieval_accuracy)
