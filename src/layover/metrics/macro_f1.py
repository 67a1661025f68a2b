"""Mean F1 of all labels: with accuracy the score of PubMedQA; also the score of LexGLUE's tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._paired import paired


def macro_f1(predictions: Sequence[str], golds: Sequence[str], _language: str = "en") -> float:
    """Return the plain mean, over the labels, of 100 * 2 * right / (predicted + gold), 0 to 100.

    Every label in gold or predictions counts, and rare labels count as much as frequent ones. A label that is only in
    gold, or only in predictions, counts with 0. Labels of the task that are in neither do not count.

    Source: scikit-learn `f1_score(average="macro")`, as the scripts of LexGLUE and PubMedQA call it.

    Raises:
        DataError: the numbers of predictions and golds differ, or there are none.
    """
    pairs = paired(predictions, golds)
    predicted, expected = Counter(predictions), Counter(golds)
    right = Counter(gold for prediction, gold in pairs if prediction == gold)
    labels = predicted.keys() | expected.keys()
    return (
        100.0 * sum(2 * right[label] / (predicted[label] + expected[label]) for label in sorted(labels)) / len(labels)
    )


METRIC = Metric("macro_f1", frozenset({"classification"}), higher_is_better=True, score=macro_f1, hub="f1")
