"""NAME: recall of each label, as a mean over the labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from layover.metrics import Metric, paired


def score(predictions: Sequence[str], golds: Sequence[str], _language: str = "en") -> float:
    """Return 0 to 100: an example to replace, balanced accuracy.

    Source: `balanced_accuracy_score` of scikit-learn.

    Raises:
        DataError: the numbers of predictions and golds differ, or are zero.
    """
    right: dict[str, list[bool]] = defaultdict(list)
    for prediction, gold in paired(predictions, golds):
        right[gold].append(prediction == gold)
    return 100.0 * fmean(fmean(flags) for flags in right.values())


METRIC = Metric(
    "NAME",
    kinds=frozenset({"classification"}),
    higher_is_better=True,
    score=score,
)
