"""Exact match of SQuAD answers."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric, Rules, Score
from layover.metrics._squad import exact, percent, with_words


def squad_em(predictions: Sequence[str], golds: Sequence[Sequence[str]], _language: str = "en") -> float:
    """Return 100 * (questions whose answer equals one of its golds, both normalised) / (questions), 0 to 100.

    If every question of the task has an answer, the rules of v1.1 apply: every gold is compared, and two answers
    without words are equal. Otherwise the rules of v2.0 apply: golds without words are ignored, and a question without
    golds needs an answer without words, as in `squad_f1`.

    Source: the official SQuAD scripts, v1.1 and v2.0.

    Raises:
        DataError: the numbers of predictions and golds differ, or there are none.
    """
    return percent(predictions, with_words(golds), exact)


def _by_rules(rules: Rules) -> Score:
    return (lambda predictions, golds, _: percent(predictions, golds, exact)) if rules.answerable else squad_em


METRIC = Metric(
    "squad_em",
    frozenset({"span"}),
    higher_is_better=True,
    score=squad_em,
    by_rules=_by_rules,
    per_row=True,
    hub="exact_match",
)
