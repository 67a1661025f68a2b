"""Share of words whose tag equals gold: most papers call it part-of-speech accuracy."""

from __future__ import annotations

from collections.abc import Sequence

from layover.errors import DataError
from layover.metrics._metric import Metric
from layover.metrics._paired import Tags, tagged


def token_accuracy(predictions: Sequence[Tags], golds: Sequence[Tags], _language: str = "en") -> float:
    """Return 100 * (words whose predicted tag equals gold) / (words), 0 to 100, over all sentences together.

    A long sentence has more weight than a short one, and O counts like any tag.

    Source: the accuracy of UPOS of the CoNLL 2018 shared task, on gold words.

    Raises:
        DataError: a sentence is missing, its numbers of tags and words differ, or no sentence has a word.
    """
    words = [pair for predicted, gold in tagged(predictions, golds) for pair in zip(predicted, gold, strict=True)]
    if not words:
        raise DataError("no sentence has a word, so there is no score")
    return 100.0 * sum(tag == true for tag, true in words) / len(words)


METRIC = Metric("token_accuracy", frozenset({"tagging"}), higher_is_better=True, score=token_accuracy, hub="accuracy")
