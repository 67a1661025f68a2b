"""Token F1 of SQuAD answers."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric, Rules, Score
from layover.metrics._squad import overlap, percent, with_words


def squad_f1(predictions: Sequence[str], golds: Sequence[Sequence[str]], _language: str = "en") -> float:
    """Return the mean, over questions, of 100 * F1 with the best gold, 0 to 100; both are normalised first.

    F1 is 2 * shared / (predicted + gold), counting tokens, each as often as it stands. Tokens stand between spaces: in
    Thai and Chinese, with few of them, F1 is close to exact match, as in XTREME.

    The two official scripts differ in answers without words (`.`, `the`). In a task of which every question has an
    answer v1.1's rules hold, as in XTREME: every gold is compared, and two answers without words have F1 0. Where
    questions may have no answer, and without a task, v2.0's rules hold: a gold without words is left out, and a
    question that then has none asks for an answer without words.

    Source: the official SQuAD scripts, v1.1 and v2.0.

    Raises:
        DataError: predictions and golds are not equally many, or none.
    """
    return percent(predictions, with_words(golds), overlap)


def _by_rules(rules: Rules) -> Score:
    return (lambda predictions, golds, _: percent(predictions, golds, overlap)) if rules.answerable else squad_f1


METRIC = Metric("squad_f1", frozenset({"span"}), higher_is_better=True, score=squad_f1, by_rules=_by_rules, hub="f1")
