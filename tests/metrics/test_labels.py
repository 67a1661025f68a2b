"""Scores of labels, held to scikit-learn, which the official scripts call."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from layover import metrics
from layover.errors import DataError


def score(name: str, predictions: list[str], golds: list[str]) -> float:
    return metrics.get(name).score(predictions, golds, "en")


@pytest.mark.parametrize(
    ("predictions", "golds", "binary", "macro"),
    [
        ("1", "1", 100, 100),
        ("0", "0", 0, 100),  # nothing to find, nothing found: scikit-learn says 0
        ("0", "1", 0, 0),
        ("1100", "1010", 50, 50),
        ("1111", "1000", 40, 20),
        ("0001", "0011", 200 / 3, 100 * (0.8 + 2 / 3) / 2),
        ("0000", "0001", 0, 100 * (6 / 7) / 2),
    ],
)
def test_of_two_labels(predictions: str, golds: str, binary: float, macro: float) -> None:
    assert score("binary_f1", list(predictions), list(golds)) == pytest.approx(binary)
    assert score("macro_f1", list(predictions), list(golds)) == pytest.approx(macro)


def test_a_label_that_nobody_has_does_not_count() -> None:
    assert score("macro_f1", ["a", "b"], ["a", "b"]) == 100.0
    # a: 2/3, b: 0 (never gold), c: 0 (never predicted)
    assert score("macro_f1", ["a", "b", "a"], ["a", "a", "c"]) == pytest.approx(100 * (2 / 4 + 0 + 0) / 3)


def test_other_labels_have_no_binary_f1() -> None:
    with pytest.raises(DataError, match="scores the labels 0 and 1, not 'yes'; use macro_f1"):
        score("binary_f1", ["yes"], ["1"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("01"), st.sampled_from("01")), min_size=1, max_size=30))
def test_binary_f1_is_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    predictions, golds = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    expected = f1_score([int(gold) for gold in golds], [int(said) for said in predictions], zero_division=0)
    assert score("binary_f1", predictions, golds) == pytest.approx(100 * expected)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde")), min_size=1, max_size=30))
def test_macro_f1_is_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    predictions, golds = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of labels without a prediction, which count as 0
        expected = f1_score(golds, predictions, average="macro")
    assert score("macro_f1", predictions, golds) == pytest.approx(100 * expected)
