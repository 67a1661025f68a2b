"""Token F1 of MLQA answers."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._mlqa import normalise
from layover.metrics._squad import overlap, percent


def mlqa_f1(predictions: Sequence[str], golds: Sequence[Sequence[str]], language: str = "en") -> float:
    """Return the mean, over questions, of 100 * F1 with the best gold, 0 to 100; both are normalised first.

    F1 is 2 * shared / (predicted + gold), counting tokens with repetition. It is 0 if no token is shared; unlike in
    `squad_f1`, also if neither side has a token. Languages and questions without an answer are as in `mlqa_em`.

    Source: mlqa_evaluation_v1.py of facebookresearch/MLQA, as XTREME uses it.

    Raises:
        DataError: MLQA does not have the language; the numbers of predictions and golds differ, or there are none.
    """
    return percent(predictions, golds, overlap, lambda answer: normalise(answer, language))


METRIC = Metric("mlqa_f1", frozenset({"span"}), higher_is_better=True, score=mlqa_f1, per_row=True, hub="f1")
