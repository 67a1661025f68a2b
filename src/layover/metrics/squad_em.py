"""Exact match of SQuAD answers."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric, Rules, Score
from layover.metrics._squad import exact, percent, with_words


def squad_em(predictions: Sequence[str], golds: Sequence[Sequence[str]], _language: str = "en") -> float:
    """Return 100 * (questions whose answer equals one of its golds, both normalised) / (questions), 0 to 100.

    In a task of which every question has an answer v1.1's rules hold: every gold is compared, and two answers without
    words are equal. Elsewhere v2.0's hold: golds without words are left out, and a question without golds asks for an
    answer without words; see `squad_f1`.

    Source: the official SQuAD scripts, v1.1 and v2.0.

    Raises:
        DataError: predictions and golds are not equally many, or none.
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
    hub="exact_match",
)
