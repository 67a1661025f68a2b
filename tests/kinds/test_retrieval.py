"""Retrieval: candidates, one-to-one matching and thresholds against plain references; examples and their scores."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from layover import kinds, metrics
from layover.data.features import Features
from layover.errors import DataError, ModelError
from layover.kinds._matching import SCORINGS, Neighbours, best, best_threshold, one_to_one
from layover.kinds.retrieval import PUBLISHED, Example, Search, above, distinct, match, settle, tune

KIND = kinds.get("retrieval")
Matrix = npt.NDArray[np.float64]


def cosines(left: int, right: int, seed: int) -> Matrix:
    return np.random.default_rng(seed).uniform(0.1, 1.0, (left, right)).astype(np.float32).astype(np.float64)


def neighbours(cosine: Matrix, k: int = 4) -> Neighbours:
    index = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    return Neighbours(np.take_along_axis(cosine, index, axis=1).astype(np.float32), index)


def margin(cosine: Matrix, scoring: str, k: int = 4) -> Matrix:
    """Every margin, straight from its definition."""
    rows = np.sort(cosine, axis=1)[:, -k:].mean(axis=1)
    columns = np.sort(cosine, axis=0)[-k:].mean(axis=0)
    mean = (rows[:, None] + columns[None, :]) / 2
    return {"cosine": cosine, "ratio": cosine / mean, "distance": cosine - mean}[scoring]


def test_every_scoring_can_be_asked_for() -> None:
    assert {Search.model_validate({"scoring": name}).scoring for name in SCORINGS} == set(SCORINGS)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scoring", SCORINGS)
def test_the_best_candidate_is_that_of_the_definition(scoring: str, seed: int) -> None:
    cosine = cosines(9, 13, seed)
    forward, backward = neighbours(cosine), neighbours(cosine.T)
    index, score = best(forward, backward, scoring)
    among = np.full(cosine.shape, -np.inf)
    for row, candidates in enumerate(forward.index):
        among[row, candidates] = margin(cosine, scoring)[row, candidates]
    assert np.array_equal(index, among.argmax(axis=1))
    assert np.allclose(score, among.max(axis=1))


@pytest.mark.parametrize("scoring", ["ratio", "distance"])
def test_a_margin_can_prefer_the_farther_one(scoring: str) -> None:
    """A hub, near to all, loses to a sentence that is near to this one only."""
    cosine = np.array([[0.9, 0.8], [0.9, 0.1], [0.9, 0.1]])
    forward, backward = neighbours(cosine), neighbours(cosine.T)
    assert best(forward, backward, "cosine")[0][0] == 0
    assert best(forward, backward, scoring)[0][0] == 1


def test_a_ratio_to_a_mean_that_is_not_above_zero_is_refused() -> None:
    cosine = np.array([[0.2, -0.9], [-0.9, -0.8]])
    forward, backward = neighbours(cosine), neighbours(cosine.T)
    with pytest.raises(DataError, match=r"has no meaning; set retrieval\.scoring: distance, or cosine"):
        best(forward, backward, "ratio")
    assert best(forward, backward, "distance")[0].tolist() == [0, 1]


@pytest.mark.parametrize("seed", range(5))
def test_pairs_are_one_to_one_and_greedy(seed: int) -> None:
    cosine = cosines(11, 7, seed)
    forward, backward = neighbours(cosine), neighbours(cosine.T)
    ways = best(forward, backward, "ratio"), best(backward, forward, "ratio")
    candidates = {(i, int(j)): score for i, (j, score) in enumerate(zip(*ways[0], strict=True))}
    candidates |= {(int(i), j): score for j, (i, score) in enumerate(zip(*ways[1], strict=True))}
    expected: dict[tuple[int, int], float] = {}
    for (i, j), score in sorted(candidates.items(), key=lambda item: -item[1]):
        if all(i != one and j != two for one, two in expected):
            expected[i, j] = score
    left, right, scores = one_to_one(*ways, 0.0)
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == list(expected)
    assert np.allclose(scores, list(expected.values()))


def test_equal_scores_go_to_the_forward_and_earlier_ones() -> None:
    ones = np.ones(2)
    left, right, _ = one_to_one((np.array([1, 1]), ones), (np.array([1, 0]), ones), 0.0)
    assert list(zip(left, right, strict=True)) == [(0, 1), (1, 0)]


def test_a_pair_at_or_below_the_floor_is_none_and_still_takes_its_sentences() -> None:
    forward = np.array([0, 1]), np.array([-0.5, 0.0])
    backward = np.array([0, 1]), np.array([-0.5, 0.0])
    assert [len(found) for found in one_to_one(forward, backward, 0.0)] == [0, 0, 0]
    assert one_to_one(forward, backward, SCORINGS["distance"].floor)[2].tolist() == [0.0, -0.5]


def f1_at(threshold: float, scores: Matrix, right: npt.NDArray[np.bool_], gold: int) -> float:
    kept = scores >= threshold
    return 2 * float((kept & right).sum()) / (kept.sum() + gold) if kept.any() else 0.0


@pytest.mark.parametrize("seed", range(10))
def test_no_threshold_is_better_than_the_tuned_one(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = np.round(random.uniform(1, 2, 30), 1)  # with many ties
    right = random.random(30) < scores - 1
    tuned = best_threshold(scores, right, 20, 0.0)
    highest = max(f1_at(threshold, scores, right, 20) for threshold in scores)
    assert highest > 0
    assert f1_at(tuned, scores, right, 20) == pytest.approx(highest)


def test_where_a_threshold_lies() -> None:
    scores, right = np.array([3.0, 1.0, 2.0]), np.array([True, False, True])
    assert best_threshold(scores, right, 2, 0.0) == 1.5  # the middle between the last kept and the first dropped
    assert best_threshold(scores, np.array([True, True, True]), 3, 0.0) == 1.0  # all are kept: at the last
    assert best_threshold(scores, np.array([False, False, False]), 3, -2.0) == -2.0  # nothing is right
    assert best_threshold(np.zeros(0), np.zeros(0, np.bool_), 3, 0.0) == 0.0
    assert best_threshold(np.array([2.0, 2.0]), np.array([True, False]), 1, 0.0) == 2.0  # equal scores stay together


def official_threshold(scores: list[float], right: list[bool], gold: int) -> float:
    """Return the threshold of XTREME's script for pairs from the best score down, no two with the same."""
    best = threshold = 0.0
    for kept in range(1, len(scores) + 1):
        found = sum(right[:kept])
        precision, recall = found / kept, found / gold
        value = 2 * precision * recall / (precision + recall) if found else 0.0
        if value > best:
            best, threshold = value, (scores[kept - 1] + scores[min(kept, len(scores) - 1)]) / 2
    return threshold


@pytest.mark.parametrize("seed", range(10))
def test_of_equally_good_thresholds_the_official_one(seed: int) -> None:
    """Also where F1 is equal but for the rounding of precision and recall."""
    random, equal = np.random.default_rng(seed), 0
    for _ in range(200):
        scores = np.sort(random.uniform(1, 2, random.integers(1, 40)))[::-1]
        right = random.random(len(scores)) < 0.5
        gold = max(1, int(right.sum() + random.integers(0, 6)))
        shuffled = random.permutation(len(scores))
        tuned = best_threshold(scores[shuffled], right[shuffled], gold, 0.0)
        assert tuned == official_threshold(scores.tolist(), right.tolist(), gold)
        values = 2 * np.cumsum(right) / (np.arange(1, len(scores) + 1) + gold)
        equal += np.isclose(values, values.max()).sum() > 1
    assert equal, "there are ties to be decided"


def aligned(texts: list[str], english: list[str]) -> list[Example]:
    sides = (("language", texts), ("english", english))
    return [Example(str(n), side, text, (str(n),)) for side, found in sides for n, text in enumerate(found)]


def found(examples: list[Example], cosine: Matrix, *, scoring: str = "cosine", mining: bool = False) -> list[Any]:
    """Return predictions from the cosines of distinct sentences."""
    arrays = match(examples, neighbours(cosine), neighbours(cosine.T), scoring=scoring, mining=mining)
    offsets = np.arange(len(examples) + 1, dtype=np.int64) * 2
    ids, example = np.zeros(2 * len(examples), np.int32), np.arange(len(examples), dtype=np.int32)
    features = Features({"ids": ids, "offsets": offsets, "example": example})
    return json.loads(json.dumps(KIND.decode(arrays, features, examples, labels=())))


def test_each_side_looks_for_the_other_and_the_official_score_asks_from_english() -> None:
    examples = aligned(["a", "b", "c"], ["x", "y", "z"])
    cosine = np.array([[0.9, 0.1, 0.2], [0.95, 0.3, 0.1], [0.2, 0.4, 0.8]])
    predictions = found(examples, cosine)
    assert [prediction["id"] for prediction in predictions] == ["0", "0", "2", "1", "2", "2"]
    scores = KIND.score(predictions, examples, metrics=KIND.metrics, language="de")
    # English: x finds b (wrong), y finds c (wrong), z finds c; the language: a finds x, b finds x (wrong), c finds z
    assert scores == pytest.approx({"retrieval_accuracy": 100 / 3, "retrieval_accuracy_to_english": 200 / 3})
    assert KIND.scored(examples) == 3


def test_of_equal_sentences_the_first_is_found_and_the_line_is_what_counts() -> None:
    examples = aligned(["a", "b", "c"], ["same", "same", "z"])
    rows, members = distinct(examples, "english")
    assert (rows.tolist(), members) == ([3, 5], [[3, 4], [5]])
    cosine = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.7]])  # language x distinct English
    predictions = found(examples, cosine)
    assert [prediction["id"] for prediction in predictions[:3]] == ["0", "0", "2"]
    assert [prediction["id"] for prediction in predictions[3:]] == ["0", "0", "2"]  # both queries ask, one is right
    scores = KIND.score(predictions, examples, metrics=KIND.metrics, language="de")
    assert scores == pytest.approx(dict.fromkeys(KIND.metrics, 200 / 3))


def test_the_gold_is_an_index_and_not_the_position() -> None:
    examples = aligned(["a", "b"], ["x", "y"])
    crossed = [Example(item.id, item.side, item.text, (str(1 - int(item.id)),)) for item in examples]
    predictions = found(crossed, np.array([[0.1, 0.9], [0.9, 0.1]]))
    assert set(KIND.score(predictions, crossed, metrics=KIND.metrics, language="de").values()) == {100.0}
    assert set(KIND.score(predictions, examples, metrics=KIND.metrics, language="de").values()) == {0.0}


def test_mined_pairs() -> None:
    language = [Example("d1", "language", "a", ("e1",)), Example("d2", "language", "b", ())]
    english = [
        Example("e1", "english", "x", ("d1",)),
        Example("e2", "english", "y", ()),
        Example("e3", "english", "z", ()),
    ]
    examples = [*language, *english]
    cosine = np.array([[0.9, 0.1, 0.1], [0.2, 0.5, 0.3]])
    predictions = found(examples, cosine, mining=True)
    pairs = [prediction and (prediction["id"], round(prediction["score"], 3)) for prediction in predictions]
    assert pairs == [("e1", 0.9), ("e2", 0.5), ("d1", 0.9), ("d2", 0.5), None]
    assert KIND.score(predictions, examples, metrics=("bucc_f1",), language="de")["bucc_f1"] == pytest.approx(200 / 3)
    threshold = tune(predictions, examples, "cosine")
    assert threshold == pytest.approx(0.7)
    kept = above(predictions, threshold)
    assert [KIND.answer(prediction) for prediction in kept] == ["e1", None, "d1", None, None]
    assert KIND.score(kept, examples, metrics=("bucc_f1",), language="de") == {"bucc_f1": 100.0}
    assert KIND.scored(examples) == 1
    with pytest.raises(DataError, match="gold pairs are unknown"):
        tune(predictions, [Example("d1", "language", "a", None)] * 5, "cosine")


def test_a_sentence_that_stands_twice_is_not_mined_but_still_taken() -> None:
    examples = [
        Example("d1", "language", "a", ("e1",)),
        Example("d2", "language", "b", ()),
        Example("e1", "english", "same", ("d1",)),
        Example("e2", "english", "same", ()),
        Example("e3", "english", "other", ()),
    ]
    predictions = found(examples, np.array([[0.9, 0.1], [0.8, 0.3]]), mining=True)
    answers = [KIND.answer(prediction) for prediction in predictions]
    assert answers == [None, "e3", None, None, "d2"]


def test_f1_counts_pairs_once() -> None:
    score = metrics.get("bucc_f1").score
    golds = [KIND.gold(item) for item in aligned(["a", "b"], ["x", "y"])]
    assert score(["0", None, "0", None], golds, "de") == pytest.approx(100 * 2 * 1 / (1 + 2))
    assert score([None] * 4, golds, "de") == 0.0


def test_layers() -> None:
    assert [settle(PUBLISHED, layers).layer for layers in (24, 12)] == [14, 8]  # those of XTREME's script
    assert [settle(PUBLISHED, layers).layer for layers in (1, 2, 4, 6)] == [1, 1, 3, 4]
    assert settle(Search(layer=0).over(PUBLISHED), None).layers == (0,)
    with pytest.raises(
        ModelError, match=r"there is no layer 5: the encoder has 4 layers; choose 0 \(the embeddings\) to 4"
    ):
        settle(Search(layer=5).over(PUBLISHED), 4)


@pytest.mark.parametrize(
    ("search", "layer", "layers"),
    [
        (Search(), 3, (3,)),
        (Search(layers="all"), 3, (0, 1, 2, 3, 4)),
        (Search(layers=(4, 2)), 3, (2, 3, 4)),
        (Search(layer=1, layers=(4, 2)), 1, (1, 2, 4)),
        (Search(layer="validation"), "validation", (0, 1, 2, 3, 4)),
        (Search(layer="scored", layers=(1, 2)), "scored", (1, 2)),
    ],
)
def test_layers_that_are_searched(search: Search, layer: int | str, layers: tuple[int, ...]) -> None:
    found = settle(search.over(PUBLISHED), 4)
    assert (found.layer, found.layers) == (layer, layers)
    assert found.canonical().get("layers") == (list(layers) if len(layers) > 1 else None)


@pytest.mark.parametrize("search", [Search(), Search(layer=1, layers="all"), Search(layer="validation")])
def test_what_depends_on_the_number_of_layers_needs_it(search: Search) -> None:
    with pytest.raises(ModelError, match="the number of layers of the encoder is unknown here"):
        settle(search.over(PUBLISHED), None)


def test_settings_over_others() -> None:
    below = Search(layer=3, special_tokens=True, scoring="cosine")
    assert Search(special_tokens=False).over(below) == Search(layer=3, special_tokens=False, scoring="cosine")
    assert Search(layer=0).over(below).layer == 0


def test_without_gold_there_is_no_score() -> None:
    examples = [Example("1", "language", "a", None)]
    assert not KIND.has_gold(examples[0])
    with pytest.raises(DataError, match="has no gold"):
        KIND.score([None], examples, metrics=("bucc_f1",), language="de")
