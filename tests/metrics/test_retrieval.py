"""Scores of sentences that are found: pairs counted by hand, and as sets, as XTREME's `evaluate.py` counts them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layover import metrics
from layover.errors import DataError
from layover.metrics._retrieval import ENGLISH, LANGUAGE, Sought

Found = list[str | None]
OTHER = {LANGUAGE: ENGLISH, ENGLISH: LANGUAGE}
ACCURACIES = {"retrieval_accuracy": ENGLISH, "retrieval_accuracy_to_english": LANGUAGE}
"""Metric -> the side whose sentences ask."""


def found(text: str) -> Found:
    """Return the predictions of `x - z`: the second sentence finds nothing."""
    return [None if name == "-" else name for name in text.split()]


def wanted(text: str, side: str) -> list[Sought]:
    """Return the gold of `x - x+y`: the second sentence has no translation, the third has two."""
    return [Sought(side, () if names == "-" else tuple(names.split("+"))) for names in text.split()]


def score(name: str, predictions: Found, golds: list[Sought]) -> float:
    return metrics.get(name).score(predictions, golds, "de")


# predicted, gold, pairs that are right, predicted pairs, gold pairs: F1 is 2 * right / (predicted + gold)
PAIRS = [
    ("x", "x", 1, 1, 1),
    ("y", "x", 0, 1, 1),
    ("-", "x", 0, 0, 1),
    ("x", "-", 0, 1, 0),
    ("-", "-", 0, 0, 0),  # 0 / 0 is 0
    ("x y", "x y", 2, 2, 2),
    ("y x", "x y", 0, 2, 2),
    ("x -", "x y", 1, 1, 2),
    ("- y", "x y", 1, 1, 2),
    ("x z", "x -", 1, 2, 1),
    ("- -", "x y", 0, 0, 2),
    ("x y", "- -", 0, 2, 0),
    ("x y z", "x y -", 2, 3, 2),
    ("x y z", "x z y", 1, 3, 3),
    ("x - - -", "x - - -", 1, 1, 1),
    ("x a b c", "x - - -", 1, 4, 1),
    ("x " + "- " * 99, "x " * 100, 1, 1, 100),
    ("x " * 100, "x " + "- " * 99, 1, 100, 1),
    ("x " * 100, "x " * 100, 100, 100, 100),
    # a sentence with several translations
    ("x", "x+y", 1, 1, 2),
    ("y", "x+y", 1, 1, 2),
    ("z", "x+y", 0, 1, 2),
    ("-", "x+y", 0, 0, 2),
    ("x y", "x+y y", 2, 2, 3),
    ("x x", "x x", 2, 2, 2),
    ("x x", "x -", 1, 2, 1),
    ("x", "x+y+z", 1, 1, 3),
    ("x", "x+x", 1, 1, 1),  # a pair that is named twice is one pair
    ("y", "x+x", 0, 1, 1),
    # ids are texts
    ("de-01", "de-1", 0, 1, 1),
    ("X", "x", 0, 1, 1),
]


@pytest.mark.parametrize(("predicted", "gold", "right", "extracted", "pairs"), PAIRS)
def test_pairs(predicted: str, gold: str, right: int, extracted: int, pairs: int) -> None:
    expected = 200 * right / (extracted + pairs) if right else 0.0
    assert score("bucc_f1", found(predicted), wanted(gold, LANGUAGE)) == pytest.approx(expected)


@pytest.mark.parametrize(("predicted", "gold"), [case[:2] for case in PAIRS])
def test_a_pair_counts_once_whatever_the_english_side_says(predicted: str, gold: str) -> None:
    alone = score("bucc_f1", found(predicted), wanted(gold, LANGUAGE))
    english = wanted("a - b+c", ENGLISH)
    assert score("bucc_f1", [*found(predicted), "a", "b", None], wanted(gold, LANGUAGE) + english) == alone


# found, gold, sentences that are right, sentences
SENTENCES = [
    ("1", "1", 1, 1),
    ("2", "1", 0, 1),
    ("-", "1", 0, 1),
    ("1 2", "1 2", 2, 2),
    ("2 1", "1 2", 0, 2),
    ("1 1", "1 2", 1, 2),  # of two equal sentences the first is found
    ("1 1 1", "1 2 3", 1, 3),
    ("1 -", "1 2", 1, 2),
    ("- -", "1 2", 0, 2),
    ("1 2 3 4", "1 2 4 3", 2, 4),
    ("4 3 2 1", "1 2 3 4", 0, 4),
    ("1", "1+2", 1, 1),
    ("2", "1+2", 1, 1),
    ("3", "1+2", 0, 1),
    ("1 1", "1+2 1+2", 2, 2),
    ("1", "-", 0, 1),
    ("-", "-", 0, 1),  # it has no translation, so none is found
    ("1 2", "1 -", 1, 2),
    ("01", "1", 0, 1),
    ("1 " * 100, "1 " * 99 + "2", 99, 100),
    ("0 1 2 3 4 5 6 7 8 9", "0 1 2 3 4 5 6 7 8 9", 10, 10),
]


@pytest.mark.parametrize(("name", "side"), ACCURACIES.items())
@pytest.mark.parametrize(("predicted", "gold", "right", "sentences"), SENTENCES)
def test_sentences(name: str, side: str, predicted: str, gold: str, right: int, sentences: int) -> None:
    said, golds = found(predicted), wanted(gold, side)
    assert score(name, said, golds) == pytest.approx(100 * right / sentences)
    # the sentences of the other side are not asked
    assert score(name, ["x", None, *said], wanted("x x", OTHER[side]) + golds) == pytest.approx(100 * right / sentences)


@pytest.mark.parametrize(("name", "side"), [*ACCURACIES.items(), ("bucc_f1", LANGUAGE)])
def test_a_side_without_sentences_has_no_score(name: str, side: str) -> None:
    with pytest.raises(DataError, match=f"none of the 2 sentences is on the {side} side"):
        score(name, ["x", None], wanted("x y", OTHER[side]))


ids = st.sampled_from("abcdef")
golds = st.lists(ids, max_size=3, unique=True).map(tuple)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.none() | ids, golds), min_size=1, max_size=12))
def test_pairs_as_sets(sentences: list[tuple[str | None, tuple[str, ...]]]) -> None:
    predicted = {(row, name) for row, (name, _) in enumerate(sentences) if name is not None}
    gold = {(row, name) for row, (_, names) in enumerate(sentences) for name in names}
    right = predicted & gold
    precision, recall = len(right) / (len(predicted) or 1), len(right) / (len(gold) or 1)
    expected = 100 * 2 * precision * recall / (precision + recall) if right else 0.0
    said, sought = [name for name, _ in sentences], [Sought(LANGUAGE, names) for _, names in sentences]
    assert score("bucc_f1", said, sought) == pytest.approx(expected)


@pytest.mark.parametrize(("name", "side"), ACCURACIES.items())
@settings(max_examples=200, deadline=None)
@given(sentences=st.lists(st.tuples(st.sampled_from([LANGUAGE, ENGLISH]), st.none() | ids, ids), max_size=12))
def test_lines_that_are_equal(name: str, side: str, sentences: list[tuple[str, str | None, str]]) -> None:
    """One translation each, as in Tatoeba: the accuracy of lines of ids."""
    sentences = [*sentences, (side, "a", "a")]
    lines = [(said, gold) for where, said, gold in sentences if where == side]
    expected = 100 * sum(said == gold for said, gold in lines) / len(lines)
    sought = [Sought(where, (gold,)) for where, _, gold in sentences]
    assert score(name, [said for _, said, _ in sentences], sought) == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(st.lists(ids, min_size=1, max_size=12))
def test_gold_itself(names: list[str]) -> None:
    sought = [Sought(side, (name,)) for side in (LANGUAGE, ENGLISH) for name in names]
    for metric in (*ACCURACIES, "bucc_f1"):
        assert score(metric, names + names, sought) == 100.0
