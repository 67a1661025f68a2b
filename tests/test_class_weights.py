"""Class weights by label: scikit-learn's rule, and what changes nothing."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from layover.class_weights import BALANCED, by_label, canonical


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=60))
def test_balanced_is_that_of_scikit_learn(golds: list[str]) -> None:
    there = sorted(set(golds))
    expected = dict(zip(there, compute_class_weight("balanced", classes=np.array(there), y=golds), strict=True))
    found = by_label(BALANCED, {label: Counter(golds)[label] for label in "abcdef"})
    assert {label: found[label] for label in there} == pytest.approx(expected)
    assert sum(found[label] for label in golds) == pytest.approx(len(golds))
    assert all(found[label] == 1 for label in "abcdef" if label not in there)


def test_a_label_that_is_not_named_counts_once() -> None:
    assert by_label({"b": 2.5}, {"a": 3, "b": 0, "c": 1}) == {"a": 1.0, "b": 2.5, "c": 1.0}
    assert by_label(BALANCED, {"a": 0, "b": 0}) == {"a": 1.0, "b": 1.0}


def test_what_changes_nothing_is_left_out() -> None:
    assert canonical(None) is None
    assert canonical(BALANCED) == BALANCED
    assert canonical({"b": 2, "a": 1, "c": 1.0}) == {"b": 2.0}
    assert canonical({"b": 1, "a": 1}) is None
    assert list(canonical({"b": 2, "a": 3}) or ()) == ["a", "b"]
