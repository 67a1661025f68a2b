"""What every metric owes: a description with its source, clear refusals, and the symmetries of a mean or a ratio."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layover import metrics
from layover.errors import DataError
from layover.metrics._metric import Rules
from layover.metrics._retrieval import ENGLISH, LANGUAGE, Sought
from layover.metrics._scheme import Scheme

Pairs = list[tuple[Any, Any]]

labels = st.sampled_from("01")
tags = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "NOUN"])
texts = st.text(st.sampled_from("the a.ال北é"), max_size=6)
ids = st.sampled_from("abc")
sought = st.builds(Sought, st.sampled_from([LANGUAGE, ENGLISH]), st.lists(ids, max_size=2, unique=True).map(tuple))
of_masked = st.tuples(st.floats(0, 50), st.integers(1, 9), st.integers(0, 9)).map(
    lambda drawn: {"nats": drawn[0], "masked": drawn[1], "correct": min(drawn[1:])}
)
numbers = st.floats(-5, 5).map(lambda value: round(value, 3))
label_sets = st.lists(st.sampled_from("abc"), max_size=3, unique=True)
PAIR = {
    "classification": st.tuples(labels, labels),
    "choice": st.tuples(labels, labels),
    "tagging": st.lists(st.tuples(tags, tags), min_size=1, max_size=5).map(
        lambda words: tuple(zip(*words, strict=True))
    ),
    "span": st.tuples(texts, st.lists(texts, max_size=3)),
    "retrieval": st.tuples(st.none() | ids, sought),
    "mlm": st.tuples(of_masked, st.just("a text")),
    "regression": st.tuples(numbers, numbers),
    "multilabel": st.tuples(label_sets, label_sets),
}
"""Kind of task -> a prediction and its gold."""
NEEDED: dict[str, Pairs] = {
    "retrieval": [("a", Sought(LANGUAGE, ("a",))), ("b", Sought(ENGLISH, ("a",)))],
    "regression": [(0.5, 6.0), (7.0, 1.5)],
}
"""What must be there for a score: retrieval has two sides, and a correlation needs different numbers."""
"""Correlations, which may be negative."""


def examples(name: str) -> st.SearchStrategy[Pairs]:
    kind = min(metrics.get(name).kinds)
    needed = NEEDED.get(kind, [])
    return st.lists(PAIR[kind], min_size=1, max_size=8).map(lambda drawn: needed + drawn)


def score(name: str, pairs: Pairs) -> float:
    return metrics.get(name).score([pair[0] for pair in pairs], [pair[1] for pair in pairs], "en")


@pytest.mark.parametrize("name", metrics.names())
def test_it_describes_itself(name: str) -> None:
    metric = metrics.get(name)
    assert metric.name == name
    assert metric.kinds
    assert metric.unit
    text = metric.score.__doc__ or ""
    assert text.startswith("Return ")
    assert "Source:" in text


def test_an_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(DataError, match="did you mean 'squad_f1'"):
        metrics.get("squad_f2")


@pytest.mark.parametrize("name", metrics.names())
def test_a_missing_prediction_or_gold_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="0 predictions for 1 golds; each example needs one of each"):
        metrics.get(name).score([], [("a",)], "en")
    with pytest.raises(DataError, match="2 predictions for 1 golds"):
        metrics.get(name).score(["a", "a"], [("a",)], "en")


@pytest.mark.parametrize("name", metrics.names())
def test_nothing_has_no_score(name: str) -> None:
    with pytest.raises(DataError, match="there are no examples, so there is no score"):
        metrics.get(name).score([], [], "en")


@pytest.mark.parametrize("name", metrics.names())
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_its_bounds_and_what_does_not_change_it(name: str, data: st.DataObject) -> None:
    pairs = data.draw(examples(name))
    before = copy.deepcopy(pairs)
    found = score(name, pairs)
    assert found >= metrics.get(name).lowest
    assert found <= 100 or metrics.get(name).unit != "percent"
    assert pairs == before
    assert score(name, data.draw(st.permutations(pairs))) == pytest.approx(found)
    assert score(name, pairs + pairs) == pytest.approx(found)


@pytest.mark.parametrize("name", [name for name in metrics.names() if metrics.get(name).summed is not None])
@pytest.mark.parametrize("rules", [Rules(), Rules(answerable=True), Rules(tags=Scheme("xtreme"))])
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_sums_over_examples_give_the_score(name: str, rules: Rules, data: st.DataObject) -> None:
    metric, pairs = metrics.get(name), data.draw(examples(name))
    predictions, golds = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    assert metric.summed is not None
    summed = metric.summed(rules)
    counts = summed.counts(predictions, golds, "zh")
    assert len(counts) == len(pairs)
    assert summed.value(counts.sum(axis=0)) == pytest.approx(metric.for_task(rules)(predictions, golds, "zh"))


def test_metrics_that_take_long_are_summed() -> None:
    quick = {name for name in metrics.names() if metrics.get(name).summed is not None or metrics.get(name).per_row}
    assert quick >= {"mlqa_em", "mlqa_f1", "seqeval_f1", "squad_em", "squad_f1"}


def test_masked_tokens_are_counted_not_texts() -> None:
    # 1 of 4 tokens guessed, 3 + 1 nats over 4 tokens
    pairs = [({"nats": 3.0, "masked": 1, "correct": 1}, "a"), ({"nats": 1.0, "masked": 3, "correct": 0}, "b")]
    assert score("mlm_accuracy", pairs) == 25.0
    assert score("mlm_loss", pairs) == 1.0
    assert metrics.get("mlm_loss").unit == "nats per masked token"
    assert not metrics.get("mlm_loss").higher_is_better


def test_a_text_without_masked_tokens() -> None:
    empty = ({"nats": 0.0, "masked": 0, "correct": 0}, "a")
    assert score("mlm_accuracy", [empty, ({"nats": 2.0, "masked": 2, "correct": 1}, "b")]) == 50.0
    for name in ("mlm_accuracy", "mlm_loss"):
        with pytest.raises(DataError, match="no token was masked"):
            score(name, [empty])


@pytest.mark.parametrize("name", [name for name in metrics.names() if metrics.get(name).per_row])
@given(data=st.data())
@settings(deadline=None, max_examples=50)
def test_a_metric_of_rows_is_the_mean_of_its_scores_of_single_rows(name: str, data: st.DataObject) -> None:
    pairs = data.draw(examples(name))
    assert score(name, pairs) == pytest.approx(sum(score(name, [pair]) for pair in pairs) / len(pairs))
