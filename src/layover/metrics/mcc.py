"""Matthews correlation of predictions and gold: one number for labels that are not equally frequent."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._paired import paired


def mcc(predictions: Sequence[str], golds: Sequence[str], _language: str = "en") -> float:
    """Return 100 * the correlation of predicted and gold labels, -100 to 100, for any number of labels.

    100 means all right, and 0 is the score of a random guess. Also 0 if the correlation is undefined: if all
    predictions, or all golds, are the same label.

    Source: scikit-learn `matthews_corrcoef`; Gorodkin 2004, Comparing two K-category assignments by a K-category
    correlation coefficient. GLUE scores CoLA by it.

    Raises:
        DataError: the numbers of predictions and golds differ, or there are none.
    """
    pairs = paired(predictions, golds)
    predicted, expected, count = Counter(predictions), Counter(golds), len(pairs)
    right = sum(prediction == gold for prediction, gold in pairs)
    together = right * count - sum(predicted[label] * expected[label] for label in predicted)
    spread = (count**2 - sum(n**2 for n in predicted.values())) * (count**2 - sum(n**2 for n in expected.values()))
    return 100.0 * together / math.sqrt(spread) if spread else 0.0


METRIC = Metric(
    "mcc",
    frozenset({"classification"}),
    higher_is_better=True,
    score=mcc,
    lowest=-100.0,
    hub="matthews_correlation",
)
