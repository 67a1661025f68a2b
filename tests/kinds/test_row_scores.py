"""The score of a row on its own: right where the prediction is gold, and named as the kind says."""

from __future__ import annotations

from typing import Any

import pytest

from layover import kinds, metrics
from layover.errors import DataError
from layover.kinds import choice, classification, mlm, multilabel, regression, retrieval, span, tagging
from layover.kinds._row_score import same
from layover.kinds._span_answers import Answer
from layover.kinds._span_answers import Example as Question
from layover.metrics._metric import Rules
from layover.report.predicted import FIELDS

NAMES = ("Ann", "the cat Tom")
QUESTION = Question("q1", "Who?", "Ann saw the cat Tom.", tuple(Answer(text, 0) for text in NAMES))
UNANSWERED = Question("q2", "Who?", "Ann slept.", ())
WORDS = tagging.Example(("Ann", "saw", "Rome"), ("B-PER", "O", "B-LOC"))
LABELS = multilabel.Example("a", None, ("food", "rain"))
NEWS = mlm.Example("a text", None)
HOUSE = retrieval.Example("de-1", "language", "Haus", ("en-1", "en-7"))
ALONE = retrieval.Example("de-2", "language", "Maus", ())


def counts(right: int, wrong: int, nats: float) -> dict[str, Any]:
    return {"masked": right + wrong, "correct": right, "nats": nats}


CASES: list[tuple[str, Any, Any, float, dict[str, Any]]] = [
    ("classification", classification.Example("a", None, "yes"), "yes", 0, {"right": True}),
    ("classification", classification.Example("a", None, "yes"), "Yes", 1, {"right": False}),
    ("choice", choice.Example("a", ("b", "c"), 0), 0, 0, {"right": True}),
    ("choice", choice.Example("a", ("b", "c"), 0), 1, 1, {"right": False}),
    ("tagging", WORDS, ["B-PER", "O", "B-LOC"], 0, {"right": True, "words_right": 3, "words_wrong": 0}),
    ("tagging", WORDS, ["O", "O", "B-PER"], 2, {"right": False, "words_right": 1, "words_wrong": 2}),
    ("tagging", tagging.Example((), ()), [], 0, {"right": True, "words_right": 0, "words_wrong": 0}),
    ("regression", regression.Example("a", None, 4.5), 4.5, 0, {"absolute_error": 0.0}),
    ("regression", regression.Example("a", None, 1.0), 3.5, 2.5, {"absolute_error": 2.5}),
    ("regression", regression.Example("a", None, 3.5), 1.0, 2.5, {"absolute_error": 2.5}),
    (
        "multilabel",
        LABELS,
        ["rain", "keys"],
        2,
        {"right": False, "labels_right": 1, "labels_missing": 1, "labels_wrong": 1},
    ),
    (
        "multilabel",
        LABELS,
        ["rain", "food"],
        0,
        {"right": True, "labels_right": 2, "labels_missing": 0, "labels_wrong": 0},
    ),
    ("span", QUESTION, "the tom", 50.0 - 100 / 3 + 50.0, {"squad_f1": 200 / 3, "squad_em": 0.0}),
    ("span", QUESTION, "ann!", 0, {"squad_f1": 100.0, "squad_em": 100.0}),
    ("span", UNANSWERED, "", 0, {"squad_f1": 100.0, "squad_em": 100.0}),
    ("span", UNANSWERED, "Ann", 100, {"squad_f1": 0.0, "squad_em": 0.0}),
    ("retrieval", HOUSE, "en-7", 0, {"right": True}),
    ("retrieval", HOUSE, None, 1, {"right": False}),
    ("retrieval", ALONE, None, 0, {"right": True}),
    ("retrieval", ALONE, "en-1", 1, {"right": False}),
    ("mlm", NEWS, counts(1, 3, 6.0), 1.5, {"tokens_right": 1, "tokens_wrong": 3, "loss": 1.5}),
]


@pytest.mark.parametrize(("kind", "example", "answer", "error", "values"), CASES)
def test_what_is_wrong_is_counted(kind: str, example: Any, answer: Any, error: float, values: dict[str, Any]) -> None:
    of = kinds.get(kind)
    found = of.row_score(answer, example, metrics=of.metrics, language="en")
    assert found is not None
    assert found.values == pytest.approx(values)
    assert found.error == pytest.approx(error)
    assert tuple(found.values) == of.row_score_fields(of.metrics)
    assert not {*found.values} & {*of.to_json(example), *FIELDS}


def test_every_kind_is_here() -> None:
    assert {case[0] for case in CASES} == set(kinds.names())


@pytest.mark.parametrize(
    ("answer", "gold", "equal"),
    [
        (["a", ["b"]], ("a", ("b",)), True),
        (["a"], ("a", "b"), False),
        ("ab", ["a", "b"], False),
        ({"a": 1}, {"a": 1}, True),
    ],
)
def test_a_prediction_is_json_and_gold_need_not_be(answer: object, gold: object, equal: bool) -> None:
    assert same(answer, gold) is equal


def test_what_is_wrong_is_named() -> None:
    wrong = tagging.KIND.row_score(["O", "O", "B-LOC"], WORDS, metrics=(), language="en")
    assert wrong.detail == "Ann: B-PER, predicted O"
    sets = multilabel.KIND.row_score(["rain", "keys"], LABELS, metrics=(), language="en")
    assert sets.detail == "missing: food; wrong: keys"


def test_a_text_without_a_masked_token_has_no_score() -> None:
    assert mlm.KIND.row_score(counts(0, 0, 0.0), NEWS, metrics=mlm.KIND.metrics, language="en") is None


def test_an_answer_is_scored_by_the_metrics_and_the_rules_of_its_task() -> None:
    mlqa = ("mlqa_f1", "mlqa_em")
    german = Question("q", "Wer?", "Der Hund.", (Answer("Der Hund", 0),))
    assert span.KIND.row_score_fields(mlqa) == mlqa
    scored = span.KIND.row_score("ein Hund", german, metrics=mlqa, language="de")
    assert scored.values == {"mlqa_f1": 100.0, "mlqa_em": 100.0}
    with pytest.raises(DataError, match="MLQA has no rule"):
        span.KIND.row_score("ein Hund", german, metrics=mlqa, language="sw")
    stop = Question("q", "What?", "a .", (Answer(".", 2),))
    for answerable, expected in ((True, 0.0), (False, 100.0)):  # v1.1 compares every gold, v2.0 only those with words
        scored = span.KIND.row_score("", stop, metrics=("squad_f1",), language="en", rules=Rules(answerable=answerable))
        assert scored.values == {"squad_f1": expected}


def test_an_answer_without_a_metric_for_rows_is_gold_or_not() -> None:
    assert span.KIND.row_score_fields(()) == ("right",)
    for answer, right in (("Ann", True), ("ann", False), ("", False)):
        assert span.KIND.row_score(answer, QUESTION, metrics=(), language="en").values == {"right": right}
    assert span.KIND.row_score("", UNANSWERED, metrics=(), language="en").values == {"right": True}


def test_metrics_of_rows_are_percent_and_better_when_higher() -> None:
    rated = [metrics.get(name) for name in metrics.names() if metrics.get(name).per_row]
    assert {metric.name for metric in rated} == {"squad_f1", "squad_em", "mlqa_f1", "mlqa_em"}
    assert all(metric.higher_is_better and metric.unit == "percent" for metric in rated)
