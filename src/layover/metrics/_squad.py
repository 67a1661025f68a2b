"""What both SQuAD metrics share: the normalisation of answers and the best of several golds."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(answer: str) -> str:
    """Return the answer in lower case, without ASCII punctuation and English articles, with single spaces.

    Source: `normalize_answer` of the official SQuAD v1.1 script; XTREME uses it for every language.
    """
    return " ".join(_ARTICLES.sub(" ", answer.lower().translate(_PUNCTUATION)).split())


def percent(predictions: Sequence[str], golds: Sequence[Sequence[str]], compare: Callable[[str, str], float]) -> float:
    """Return the mean, over questions, of the best comparison with one of the golds, in percent.

    A question without golds has no answer: the normalised prediction must be empty (SQuAD v2.0 script).
    """
    total = 0.0
    for prediction, texts in zip(predictions, golds, strict=True):
        if texts:
            total += max(compare(prediction, text) for text in texts)
        else:
            total += float(not normalise(prediction))
    return 100.0 * total / len(golds)
