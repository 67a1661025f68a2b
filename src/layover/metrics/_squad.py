"""SQuAD's normalisation, two comparisons, and the best of several golds, for the metrics of answers."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

from layover.metrics._paired import paired

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(answer: str) -> str:
    """Return the answer in lower case, without ASCII punctuation and English articles, with single spaces.

    Source: `normalize_answer` of the official SQuAD scripts, v1.1 and v2.0; XTREME uses it for every language.
    """
    return " ".join(_ARTICLES.sub(" ", answer.lower().translate(_PUNCTUATION)).split())


def exact(prediction: str, gold: str) -> float:
    """Return 1 if both normalised answers are equal, else 0."""
    return float(prediction == gold)


def overlap(prediction: str, gold: str) -> float:
    """Return the F1 of the tokens that both normalised answers share; 0 if they share none.

    A token that appears twice in both is shared twice; the order of tokens has no effect.
    """
    predicted, expected = prediction.split(), gold.split()
    shared = (Counter(predicted) & Counter(expected)).total()
    if not shared:
        return 0.0
    precision, recall = shared / len(predicted), shared / len(expected)
    return 2 * precision * recall / (precision + recall)


def with_words(golds: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the golds without those that SQuAD's normalisation makes empty, such as `.` or `the`.

    Otherwise an empty answer would be right. Source: `get_raw_scores` of the official SQuAD v2.0 script.
    """
    return [[text for text in texts if normalise(text)] for texts in golds]


def percent(
    predictions: Sequence[str],
    golds: Sequence[Sequence[str]],
    compare: Callable[[str, str], float],
    normal: Callable[[str], str] = normalise,
) -> float:
    """Return the mean, over questions, of the best comparison with one of the golds, in percent.

    A question without golds has no answer: the normalised prediction must be empty (SQuAD v2.0 script).

    Raises:
        DataError: the numbers of predictions and golds differ, or there are none.
    """
    total = 0.0
    for prediction, texts in paired(predictions, golds):
        predicted = normal(prediction)
        if texts:
            total += max(compare(predicted, normal(text)) for text in texts)
        else:
            total += float(not predicted)
    return 100.0 * total / len(golds)
