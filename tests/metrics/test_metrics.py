from __future__ import annotations

import pytest

from layover import metrics
from layover.errors import DataError
from layover.metrics._squad import normalise


def score(name: str, predictions: list, golds: list, language: str = "en") -> float:
    return metrics.get(name).score(predictions, golds, language)


@pytest.mark.parametrize("name", metrics.names())
def test_every_metric_describes_itself(name: str) -> None:
    metric = metrics.get(name)
    assert metric.name == name
    assert metric.kinds
    assert isinstance(metric.higher_is_better, bool)
    assert metric.score.__doc__
    assert "Source:" in metric.score.__doc__


def test_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(DataError, match="did you mean 'squad_f1'"):
        metrics.get("squad_f2")


def test_accuracy() -> None:
    assert score("accuracy", ["a", "b", "c"], ["a", "b", "b"]) == pytest.approx(200 / 3)
    assert score("accuracy", [0, 1], [0, 1]) == 100.0


def test_token_accuracy_counts_words_not_sentences() -> None:
    assert score("token_accuracy", [["A"], ["A", "B", "B"]], [["B"], ["A", "B", "B"]]) == 75.0


def test_seqeval_counts_spans() -> None:
    gold = [["B-PER", "I-PER", "O", "B-LOC"]]
    assert score("seqeval_f1", gold, gold) == 100.0
    assert score("seqeval_f1", [["B-PER", "O", "O", "B-LOC"]], gold) == 50.0
    assert score("seqeval_f1", [["O", "O", "O", "O"]], gold) == 0.0


def test_seqeval_on_bare_tags_joins_neighbours() -> None:
    # gold: DET | NOUN NOUN | VERB; predicted: DET | NOUN | PROPN | VERB -> 2 of 3 gold, 2 of 4 predicted
    gold = [["DET", "NOUN", "NOUN", "VERB"]]
    predicted = [["DET", "NOUN", "PROPN", "VERB"]]
    assert score("seqeval_f1", predicted, gold) == pytest.approx(100 * 2 * (2 / 4) * (2 / 3) / (2 / 4 + 2 / 3))
    assert score("token_accuracy", predicted, gold) == 75.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Cat!", "cat"),
        ("an apple, a day", "apple day"),
        ("theatre", "theatre"),
        ("«Дом»", "«дом»"),  # only ASCII punctuation goes
        ("U.S.A.", "usa"),
        ("a-the-b", "atheb"),  # punctuation goes before articles
        ("", ""),
        ("the", ""),
        ("北京。", "北京。"),
        ("x\u00a0y", "x y"),
    ],
)
def test_squad_normalisation(text: str, expected: str) -> None:
    assert normalise(text) == expected


@pytest.mark.parametrize(
    ("prediction", "golds", "exact", "f1"),
    [
        ("the red house", ["Red house"], 1, 1),
        ("red house", ["a big house", "red barn house"], 0, 0.8),
        ("house house", ["house"], 0, 2 / 3),
        ("", ["house"], 0, 0),
        ("the", ["the"], 1, 0),  # as in the v1.1 script: equal, but no token is left to share
        ("", [], 1, 1),
        ("the", [], 1, 1),
        ("house", [], 0, 0),
        ("บ้านแดง", ["บ้าน"], 0, 0),
    ],
)
def test_squad(prediction: str, golds: list[str], exact: float, f1: float) -> None:
    assert score("squad_em", [prediction], [golds]) == pytest.approx(100 * exact)
    assert score("squad_f1", [prediction], [golds]) == pytest.approx(100 * f1)


def test_squad_is_a_mean_over_questions() -> None:
    assert score("squad_em", ["x", "y"], [["x"], ["z"]]) == 50.0


def test_mlm_counts_tokens_not_texts() -> None:
    predictions = [{"nats": 3.0, "masked": 1, "correct": 1}, {"nats": 1.0, "masked": 3, "correct": 0}]
    assert score("mlm_accuracy", predictions, ["a", "b"]) == 25.0
    assert score("mlm_loss", predictions, ["a", "b"]) == 1.0
    assert metrics.get("mlm_loss").unit == "nats per masked token"
    assert not metrics.get("mlm_loss").higher_is_better
    with pytest.raises(DataError, match="no token was masked"):
        score("mlm_loss", [{"nats": 0.0, "masked": 0, "correct": 0}], ["a"])


@pytest.mark.parametrize("name", metrics.names())
def test_a_missing_prediction_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        score(name, [], [("a",)])
