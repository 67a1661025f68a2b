"""Token F1 of MLQA answers."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._mlqa import normalise
from layover.metrics._squad import overlap, percent


def mlqa_f1(predictions: Sequence[str], golds: Sequence[Sequence[str]], language: str = "en") -> float:
    """Return the mean, over questions, of 100 * F1 with the best gold, 0 to 100; both are normalised first.

    F1 is 2 * shared / (predicted + gold), counting tokens, each as often as it stands; 0 where none is shared, also
    where neither side has a token, unlike `squad_f1`. Languages and questions without an answer as in `mlqa_em`.

    Source: mlqa_evaluation_v1.py of facebookresearch/MLQA, as XTREME uses it.

    Raises:
        DataError: MLQA does not have the language; predictions and golds are not equally many, or none.
    """
    return percent(predictions, golds, overlap, lambda answer: normalise(answer, language))


METRIC = Metric("mlqa_f1", frozenset({"span"}), higher_is_better=True, score=mlqa_f1, hub="f1")
