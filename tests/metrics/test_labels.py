"""Scores of labels: hand-made cases, and scikit-learn, which the official scripts call, and torchmetrics."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef
from tests.thorough import count
from torch import tensor
from torchmetrics.functional import classification

from layover import metrics
from layover.errors import DataError


def score(name: str, predictions: list, golds: list) -> float:
    return metrics.get(name).score(predictions, golds, "en")


# predictions, golds, share that is right, F1 of the label 1, F1 of the label 0 (None: nobody has it).
# F1 is 2 * right / (predicted + gold): "1100" against "1010" has one 1 right, of two on either side, 2 * 1 / (2 + 2).
TWO_LABELS = [
    ("1", "1", 1, 1, None),
    ("0", "0", 1, None, 1),
    ("0", "1", 0, 0, 0),
    ("1", "0", 0, 0, 0),
    ("11", "11", 1, 1, None),
    ("00", "00", 1, None, 1),
    ("10", "10", 1, 1, 1),
    ("01", "10", 0, 0, 0),
    ("11", "10", 1 / 2, 2 / 3, 0),
    ("00", "10", 1 / 2, 0, 2 / 3),
    ("1100", "1010", 1 / 2, 1 / 2, 1 / 2),
    ("1111", "1000", 1 / 4, 2 / 5, 0),
    ("0000", "1000", 3 / 4, 0, 6 / 7),
    ("0001", "0011", 3 / 4, 2 / 3, 4 / 5),
    ("0111", "0011", 3 / 4, 4 / 5, 2 / 3),
    ("0110", "0110", 1, 1, 1),
    ("1001", "0110", 0, 0, 0),
    ("10101", "10101", 1, 1, 1),
    ("11111", "11110", 4 / 5, 8 / 9, 0),
    ("11110", "11111", 4 / 5, 8 / 9, 0),
    ("000000", "000001", 5 / 6, 0, 10 / 11),
    ("110000", "101000", 4 / 6, 1 / 2, 3 / 4),
    ("111000", "000111", 0, 0, 0),
    ("100", "111", 1 / 3, 1 / 2, 0),
    ("1" * 99 + "0", "1" * 100, 99 / 100, 198 / 199, 0),
    ("0" * 999 + "1", "0" * 999 + "1", 1, 1, 1),
]


@pytest.mark.parametrize(("predictions", "golds", "right", "ones", "zeros"), TWO_LABELS)
def test_two_labels(predictions: str, golds: str, right: float, ones: float | None, zeros: float | None) -> None:
    said, wanted = list(predictions), list(golds)
    known = [value for value in (ones, zeros) if value is not None]
    assert score("accuracy", said, wanted) == pytest.approx(100 * right)
    assert score("binary_f1", said, wanted) == pytest.approx(100 * (ones or 0))  # scikit-learn: nobody has it, so 0
    assert score("macro_f1", said, wanted) == pytest.approx(100 * sum(known) / len(known))


# predictions, golds, share that is right, F1 of each label that somebody has
MANY_LABELS = [
    ("abc", "abc", 1, {"a": 1, "b": 1, "c": 1}),
    ("abc", "cab", 0, {"a": 0, "b": 0, "c": 0}),
    ("ab", "ab", 1, {"a": 1, "b": 1}),
    ("aba", "aac", 1 / 3, {"a": 1 / 2, "b": 0, "c": 0}),
    ("aaaa", "abcd", 1 / 4, {"a": 2 / 5, "b": 0, "c": 0, "d": 0}),
    ("abcd", "aaaa", 1 / 4, {"a": 2 / 5, "b": 0, "c": 0, "d": 0}),
    ("aabb", "aabb", 1, {"a": 1, "b": 1}),
    ("aabbcc", "aabbca", 5 / 6, {"a": 4 / 5, "b": 1, "c": 2 / 3}),
    ("aabbcc", "abbcca", 1 / 2, {"a": 1 / 2, "b": 1 / 2, "c": 1 / 2}),
    ("aaab", "aaaa", 3 / 4, {"a": 6 / 7, "b": 0}),
    ("aaaaaaaaab", "aaaaaaaaaa", 9 / 10, {"a": 18 / 19, "b": 0}),
    ("z", "y", 0, {"y": 0, "z": 0}),
    ("aabbccddee", "aabbccdded", 9 / 10, {"a": 1, "b": 1, "c": 1, "d": 4 / 5, "e": 2 / 3}),
    ("eeeee", "abcde", 1 / 5, {"a": 0, "b": 0, "c": 0, "d": 0, "e": 1 / 3}),
    ("abab", "baba", 0, {"a": 0, "b": 0}),
    ("aaabbb", "aaabba", 5 / 6, {"a": 6 / 7, "b": 4 / 5}),
    ("ccc", "ccc", 1, {"c": 1}),
    ("abcabc", "abcabd", 5 / 6, {"a": 1, "b": 1, "c": 2 / 3, "d": 0}),
    ("baaaa", "aaaaa", 4 / 5, {"a": 8 / 9, "b": 0}),
    ("да", "да", 1, {"д": 1, "а": 1}),
    ("аa", "aа", 0, {"a": 0, "а": 0}),  # Latin and Cyrillic
]


@pytest.mark.parametrize(("predictions", "golds", "right", "f1"), MANY_LABELS)
def test_many_labels(predictions: str, golds: str, right: float, f1: dict[str, float]) -> None:
    assert score("accuracy", list(predictions), list(golds)) == pytest.approx(100 * right)
    assert score("macro_f1", list(predictions), list(golds)) == pytest.approx(100 * sum(f1.values()) / len(f1))


@pytest.mark.parametrize(
    ("prediction", "gold", "right"),
    [
        (0, 0, 1),
        (3, 0, 0),
        ("1", 1, 0),  # a choice's number is not a label
        ("yes", "Yes", 0),
        ("yes", "yes ", 0),
        ("", "", 1),
        ("é", "e\u0301", 0),  # composed and decomposed
        ("não", "não", 1),
    ],
)
def test_labels_are_compared_as_they_stand(prediction: object, gold: object, right: float) -> None:
    assert score("accuracy", [prediction], [gold]) == 100.0 * right


@pytest.mark.parametrize("label", ["yes", "", "2", "1.0", " 1"])
def test_other_labels_have_no_binary_f1(label: str) -> None:
    for said, wanted in (([label], ["1"]), (["1"], [label])):
        with pytest.raises(DataError, match=f"scores the labels 0 and 1, not {label!r}; use macro_f1"):
            score("binary_f1", said, wanted)


def labelled(letters: str) -> st.SearchStrategy[list[tuple[str, str]]]:
    return st.lists(st.tuples(st.sampled_from(letters), st.sampled_from(letters)), min_size=1, max_size=30)


@settings(max_examples=200, deadline=None)
@given(labelled("01"))
def test_two_labels_as_the_packages_say(pairs: list[tuple[str, str]]) -> None:
    said, golds = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    codes, truth = [int(label) for label in said], [int(label) for label in golds]
    found = score("binary_f1", said, golds)
    assert found == pytest.approx(100 * f1_score(truth, codes, zero_division=0))
    assert found == pytest.approx(100 * float(classification.binary_f1_score(tensor(codes), tensor(truth))), abs=1e-4)


@settings(max_examples=200, deadline=None)
@given(labelled("abcde"))
def test_many_labels_as_the_packages_say(pairs: list[tuple[str, str]]) -> None:
    said, golds = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    codes, truth = (tensor(["abcde".index(label) for label in labels]) for labels in (said, golds))
    right, macro = score("accuracy", said, golds), score("macro_f1", said, golds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of labels without a prediction, which count as 0
        assert macro == pytest.approx(100 * f1_score(golds, said, average="macro"))
    assert right == pytest.approx(100 * accuracy_score(golds, said))
    share = classification.multiclass_accuracy(codes, truth, num_classes=5, average="micro")
    mean = classification.multiclass_f1_score(codes, truth, num_classes=5, average="macro")
    assert right == pytest.approx(100 * float(share), abs=1e-4)  # torchmetrics counts in float32
    assert macro == pytest.approx(100 * float(mean), abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from("01"), min_size=1, max_size=30))
def test_gold_itself(golds: list[str]) -> None:
    assert score("accuracy", golds, golds) == 100.0
    assert score("macro_f1", golds, golds) == 100.0
    assert score("binary_f1", golds, golds) == (100.0 if "1" in golds else 0.0)


RANDOM_SETS = count(1_000, 20_000)


def test_mcc_is_that_of_scikit_learn_on_random_sets() -> None:
    """Many of the small sets have one label alone, or a label that one side lacks."""
    drawn = np.random.default_rng(3)
    alone = 0
    for _ in range(RANDOM_SETS):
        labels, count = int(drawn.integers(1, 7)), int(drawn.integers(1, 25))
        truth, codes = drawn.integers(0, labels, count), drawn.integers(0, labels, count)
        codes = np.where(drawn.random(count) < drawn.random(), truth, codes)
        found = score("mcc", [f"l{code}" for code in codes], [f"l{code}" for code in truth])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of a single label
            assert found == pytest.approx(100 * matthews_corrcoef(truth, codes), abs=1e-9)
        alone += min(len(set(truth)), len(set(codes))) == 1
    assert alone > RANDOM_SETS // 20


@pytest.mark.parametrize(
    ("predictions", "golds", "correlation"),
    [
        ("aaaa", "aaaa", 0),  # all right, and not defined
        ("aaaa", "aabb", 0),
        ("aabb", "aaaa", 0),
        ("aabb", "aabb", 1),
        ("bbaa", "aabb", -1),
        ("aabb", "abab", 0),
        ("aaab", "aabb", 1 / math.sqrt(3)),  # 2x2: (2*1 - 1*0) / sqrt(3 * 2 * 1 * 2)
        ("abc", "abc", 1),
        ("bca", "abc", -1 / 2),
    ],
)
def test_mcc_by_hand(predictions: str, golds: str, correlation: float) -> None:
    assert score("mcc", list(predictions), list(golds)) == pytest.approx(100 * correlation)


def test_mcc_of_many_examples_does_not_overflow() -> None:
    count = 200_000
    assert score("mcc", ["a", "b"] * count, ["a", "b"] * count) == pytest.approx(100)
