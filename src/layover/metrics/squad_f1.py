"""Token F1 of SQuAD answers."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric, Rules, Score
from layover.metrics._squad import overlap, percent, with_words


def squad_f1(predictions: Sequence[str], golds: Sequence[Sequence[str]], _language: str = "en") -> float:
    """Return the mean, over questions, of 100 * F1 with the best gold, 0 to 100; both are normalised first.

    F1 is 2 * shared / (predicted + gold), counting tokens with repetition. Spaces separate tokens. Thai and Chinese
    have few spaces, so F1 is close to exact match there, as in XTREME.

    The two official scripts differ in answers without words (`.`, `the`). If every question of the task has an answer,
    the rules of v1.1 apply, as in XTREME: every gold is compared, and two answers without words have F1 0. If questions
    may have no answer, or without a task, the rules of v2.0 apply: golds without words are ignored, and a question
    without other golds needs an answer without words.

    Source: the official SQuAD scripts, v1.1 and v2.0.

    Raises:
        DataError: the numbers of predictions and golds differ, or there are none.
    """
    return percent(predictions, with_words(golds), overlap)


def _by_rules(rules: Rules) -> Score:
    return (lambda predictions, golds, _: percent(predictions, golds, overlap)) if rules.answerable else squad_f1


METRIC = Metric(
    "squad_f1",
    frozenset({"span"}),
    higher_is_better=True,
    score=squad_f1,
    by_rules=_by_rules,
    per_row=True,
    hub="f1",
)
