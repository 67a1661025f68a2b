"""Scores of label sets: hand-made cases, and scikit-learn, which LexGLUE's scripts call."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from layover import metrics
from layover.metrics._metric import Rules

LABELS = tuple("abcdefgh")


def score(name: str, predictions: list[str], golds: list[str], labels: str = "") -> float:
    """Return a score of label sets that are written as words: `ab` has the labels a and b."""
    by_task = metrics.get(name).for_task(Rules(labels=tuple(labels)))
    return by_task([list(said) for said in predictions], [list(gold) for gold in golds], "en")


# predictions, golds, micro F1, macro F1 of the labels that there are, F1 by example, share of equal sets
BY_HAND = [
    (["a"], ["a"], 1, 1, 1, 1),
    (["a"], ["b"], 0, 0, 0, 0),
    (["ab"], ["ba"], 1, 1, 1, 1),
    (["ab"], ["a"], 2 / 3, 1 / 2, 2 / 3, 0),
    ([""], ["a"], 0, 0, 0, 0),
    (["a"], [""], 0, 0, 0, 0),
    ([""], [""], 0, 0, 0, 1),  # nobody has a label: no F1, but the empty set is right
    (["", "a"], ["", "a"], 1, 1, 1 / 2, 1),
    (["ab", "a"], ["a", "ab"], 4 / 6, 1 / 2, 2 / 3, 0),
    (["a", "a", "a", "b"], ["a", "a", "a", "c"], 6 / 8, 1 / 3, 3 / 4, 3 / 4),
    (["abc", "c"], ["bcd", "c"], 6 / 8, (0 + 1 + 1 + 0) / 4, (2 / 3 + 1) / 2, 1 / 2),
    (["aa"], ["a"], 1, 1, 1, 1),  # a label that is said twice is said
]


@pytest.mark.parametrize(("predictions", "golds", "micro", "macro", "by_example", "equal"), BY_HAND)
def test_by_hand(
    predictions: list[str], golds: list[str], micro: float, macro: float, by_example: float, equal: float
) -> None:
    assert score("micro_f1", predictions, golds) == pytest.approx(100 * micro)
    assert score("multilabel_macro_f1", predictions, golds) == pytest.approx(100 * macro)
    assert score("sample_f1", predictions, golds) == pytest.approx(100 * by_example)
    assert score("subset_accuracy", predictions, golds) == pytest.approx(100 * equal)


def test_every_label_of_the_task_counts_in_the_macro_mean() -> None:
    assert score("multilabel_macro_f1", ["a"], ["a"], labels="abcd") == pytest.approx(100 / 4)
    assert score("multilabel_macro_f1", ["ax"], ["a"], labels="ab") == pytest.approx(100 / 3)
    assert score("multilabel_macro_f1", [""], [""], labels="ab") == 0.0
    assert score("micro_f1", ["a"], ["a"], labels="abcd") == 100.0


def words(rows: np.ndarray) -> list[str]:
    return ["".join(np.array(LABELS)[: rows.shape[1]][row == 1]) for row in rows]


def each(said: np.ndarray, golds: np.ndarray) -> np.ndarray:
    """Return F1 of every column, (columns,)."""
    return np.atleast_1d(f1_score(golds, said, average=None, zero_division=0))


def test_ten_thousand_sets_as_scikit_learn_says() -> None:
    # scikit-learn is asked once for all sets of a shape: their columns side by side, each a binary problem of its own
    draw, asked = np.random.default_rng(3), 0
    for shape in range(100):
        examples, labels, share = int(draw.integers(1, 8)), int(draw.integers(2, 7)), draw.choice([0.05, 0.3, 0.8])
        said, golds = draw.random((2, 100, examples, labels)) < share
        golds[draw.random((100, 1, labels)).repeat(examples, 1) < 0.2] = False  # labels that gold never has
        said, golds = said.astype(int), golds.astype(int)

        macro = each(*(rows.transpose(1, 0, 2).reshape(examples, -1) for rows in (said, golds)))
        micro = each(said.reshape(100, -1).T, golds.reshape(100, -1).T)
        by_example = each(said.reshape(-1, labels).T, golds.reshape(-1, labels).T).reshape(100, examples).mean(1)
        task = "".join(LABELS[:labels])
        for number in range(100):
            pair = words(said[number]), words(golds[number])
            asked += 1
            assert score("micro_f1", *pair) == pytest.approx(100 * micro[number])
            assert score("sample_f1", *pair) == pytest.approx(100 * by_example[number])
            wanted = macro.reshape(100, labels)[number].mean()
            assert score("multilabel_macro_f1", *pair, labels=task) == pytest.approx(100 * wanted)
            if number == shape:  # and by its own means
                said_, gold = said[number], golds[number]
                assert score("subset_accuracy", *pair) == pytest.approx(100 * accuracy_score(gold, said_))
                for name, mean in (("micro_f1", "micro"), ("multilabel_macro_f1", "macro"), ("sample_f1", "samples")):
                    found = score(name, *pair, labels=task)
                    assert found == pytest.approx(100 * f1_score(gold, said_, average=mean, zero_division=0))
            assert score("subset_accuracy", *pair) == pytest.approx(100 * (said[number] == golds[number]).all(1).mean())
    assert asked == 10_000
