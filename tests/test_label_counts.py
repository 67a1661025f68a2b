"""Counts of labels: those of scikit-learn, and no more pairs than a file can hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from layover.errors import StoreError
from layover.label_counts import MOST_CONFUSED, LabelCounts, count, read_counts, write_counts
from layover.metrics.macro_f1 import macro_f1

labelled = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde")), min_size=1, max_size=40)


@settings(max_examples=150, deadline=None)
@given(labelled)
def test_they_are_those_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    golds, said = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    found = count(pairs)
    labels = sorted({*golds, *said})
    assert list(found.labels) == labels
    precision, recall, f1, support = precision_recall_fscore_support(golds, said, labels=labels, zero_division=0)
    for place, label in enumerate(labels):
        one = found.labels[label]
        assert one.gold == support[place]
        assert (one.precision or 0.0) == pytest.approx(100 * precision[place])
        assert (one.recall or 0.0) == pytest.approx(100 * recall[place])
        assert one.f1 == pytest.approx(100 * f1[place])
        assert (one.precision is None) == (label not in said)
        assert (one.recall is None) == (label not in golds)
    assert sum(one.f1 for one in found.labels.values()) / len(labels) == pytest.approx(macro_f1(said, golds))
    matrix = confusion_matrix(golds, said, labels=labels)
    wrong = {(labels[i], labels[j]): matrix[i, j] for i in range(len(labels)) for j in range(len(labels)) if i != j}
    assert {(gold, other): times for gold, other, times in found.confused} == {k: v for k, v in wrong.items() if v}
    assert not found.left_out


def test_of_very_many_pairs_the_most_frequent_are_kept() -> None:
    often = [("x", "y")] * 3 + [("y", "x")] * 2
    once = [(f"a{number:05}", f"b{number:05}") for number in range(MOST_CONFUSED)]
    found = count([*once, *often, ("x", "x")])
    assert found.confused[:2] == (("x", "y", 3), ("y", "x", 2))
    assert len(found.confused) == MOST_CONFUSED
    assert found.left_out == 2
    assert sum(times for _, _, times in found.confused) + found.left_out == len(once) + len(often)
    assert sum(one.gold for one in found.labels.values()) == len(once) + len(often) + 1
    assert found.labels["x"].right == 1


def test_they_are_read_back_and_others_refused(tmp_path: Path) -> None:
    counts = LabelCounts(languages={"en": count([("a", "b"), ("b", "b")])})
    write_counts(tmp_path / "classes.json", counts)
    assert read_counts(tmp_path / "classes.json") == counts
    (tmp_path / "classes.json").write_text('{"schema_version": 2, "languages": {}}', encoding="utf-8")
    with pytest.raises(StoreError, match="the counts of labels have the schema 2, but this version reads 1"):
        read_counts(tmp_path / "classes.json")
