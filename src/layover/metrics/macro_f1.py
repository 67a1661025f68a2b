"""Mean F1 of all labels: the score of PubMedQA beside accuracy, and of LexGLUE's tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from layover.metrics._metric import Metric


def macro_f1(predictions: Sequence[str], golds: Sequence[str], _language: str = "en") -> float:
    """Return the plain mean of F1, over the labels that gold or a prediction has, in percent.

    Source: scikit-learn `f1_score(average="macro")`, as the scripts of LexGLUE and PubMedQA call it.
    """
    said, wanted = Counter(predictions), Counter(golds)
    right = Counter(gold for prediction, gold in zip(predictions, golds, strict=True) if prediction == gold)
    labels = said.keys() | wanted.keys()
    return 100.0 * sum(2 * right[label] / (said[label] + wanted[label]) for label in sorted(labels)) / len(labels)


METRIC = Metric("macro_f1", frozenset({"classification"}), higher_is_better=True, score=macro_f1)
