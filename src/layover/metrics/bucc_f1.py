"""F1 of sentence pairs mined from two texts: the score of the BUCC shared task and of XTREME."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._retrieval import LANGUAGE, Sought, queries


def bucc_f1(predictions: Sequence[str | None], golds: Sequence[Sought], _language: str = "en") -> float:
    """Return 100 * 2 * right / (predicted + gold), 0 to 100, counting pairs of sentences.

    Each pair is counted once, at its sentence of the language; a sentence with two translations is in two gold pairs,
    of which a prediction can find one. 0 if nothing is right, also if there is no pair at all.

    Source: `bucc_eval` of google-research/xtreme, on the pairs above the threshold, and `bucc_f1` of its
    `evaluate.py`.

    Raises:
        DataError: the numbers of predictions and golds differ, or there is no sentence of the language.
    """
    pairs = queries(LANGUAGE, predictions, golds)
    predicted = sum(answer is not None for answer, _ in pairs)
    gold_pairs = sum(len(set(gold.ids)) for _, gold in pairs)
    right = sum(answer in gold.ids for answer, gold in pairs)
    return 100.0 * 2 * right / (predicted + gold_pairs) if right else 0.0


METRIC = Metric("bucc_f1", frozenset({"retrieval"}), higher_is_better=True, score=bucc_f1)
