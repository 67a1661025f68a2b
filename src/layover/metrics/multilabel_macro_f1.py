"""Mean F1 of all labels of a task, each present or absent in an example: LexGLUE's macro-F1 of multi-label tasks."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric, Rules, Score
from layover.metrics._sets import Labels, counted, f1


def multilabel_macro_f1(predictions: Sequence[Labels], golds: Sequence[Labels], _language: str = "en") -> float:
    """Return the plain mean, over the labels, of 100 * 2 * right / (predicted + gold), 0 to 100.

    Every label of the task counts, and rare labels count as much as frequent ones. A label without gold and predictions
    counts with 0. Without a task, the labels in gold or predictions count; 0 if there are none.

    Source: scikit-learn `f1_score(average="macro", zero_division=0)` of multi-hot matrices, as LexGLUE's scripts call
    it.

    Raises:
        DataError: the numbers of predictions and golds differ, or there are none.
    """
    return _mean(predictions, golds, ())


def _mean(predictions: Sequence[Labels], golds: Sequence[Labels], known: Sequence[str]) -> float:
    counts = counted(predictions, golds)
    labels = sorted({*known, *counts.predicted, *counts.gold})
    each = [f1(counts.right[label], counts.predicted[label], counts.gold[label]) for label in labels]
    return 100.0 * sum(each) / len(each) if each else 0.0


def _by_rules(rules: Rules) -> Score:
    return lambda predictions, golds, _: _mean(predictions, golds, rules.labels)


METRIC = Metric(
    "multilabel_macro_f1",
    frozenset({"multilabel"}),
    higher_is_better=True,
    score=multilabel_macro_f1,
    by_rules=_by_rules,
)
