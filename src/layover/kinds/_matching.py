"""From nearest neighbours to pairs of sentences: the scores of candidates, and the one-to-one choice of pairs.

All functions work on *distinct* sentences: equal sentences are searched once (see `kinds.retrieval.distinct`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from layover.errors import DataError

Index = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]

NEIGHBOURS = 4
"""Number of neighbours in a margin, and number of candidates of a sentence; from XTREME's BUCC script."""


@dataclass(frozen=True)
class Scoring:
    """How a pair is scored."""

    score: Callable[[Scores, Scores], Scores]
    """(cosine of the pair, mean cosine of both sentences with their neighbours) -> score."""
    floor: float
    """Pairs with this score or less are dropped."""


def _ratio(similarity: Scores, mean: Scores) -> Scores:
    if not bool((mean > 0).all()):
        raise DataError(
            "the mean cosine of a pair with its nearest neighbours is not positive, so the ratio has no meaning; "
            "set retrieval.scoring: distance, or cosine"
        )
    return similarity / mean


SCORINGS: Mapping[str, Scoring] = {
    "cosine": Scoring(lambda similarity, _mean: similarity, 0.0),
    "ratio": Scoring(_ratio, 0.0),
    "distance": Scoring(lambda similarity, mean: similarity - mean, -2.0),
}
"""The margins of Artetxe and Schwenk 2019, arXiv:1811.01136; the paper calls the first one `absolute`.

XTREME's script mines with `ratio` and drops pairs at or below 0. A distance is 0 where the ratio is 1. A floor of 0
would therefore decide in place of the threshold. So the floor of the distance is -2, its lowest possible value.
"""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest sentences of the other side, best first."""

    similarity: npt.NDArray[np.float32]
    """(sentences, k)"""
    index: Index
    """(sentences, k)"""


def best(own: Neighbours, other: Neighbours, scoring: str) -> tuple[Index, Scores]:
    """Return for each sentence the neighbour with the best score, and that score. The nearest neighbour wins a tie.

    Args:
        own: Neighbours of the sentences, on the other side.
        other: Neighbours of the other side's sentences.
        scoring: A name of `SCORINGS`.

    Raises:
        DataError: the scoring is `ratio`, and a mean cosine is not above 0.
    """
    similarity = own.similarity.astype(np.float64)
    around = other.similarity.astype(np.float64).mean(axis=1)
    scores = SCORINGS[scoring].score(similarity, (similarity.mean(axis=1)[:, None] + around[own.index]) / 2)
    rows, first = np.arange(len(scores)), scores.argmax(axis=1)
    return own.index[rows, first], scores[rows, first]


def one_to_one(
    forward: tuple[Index, Scores], backward: tuple[Index, Scores], floor: float
) -> tuple[Index, Index, Scores]:
    """Return pairs (i, j, score), best first, in which no sentence appears twice.

    The best candidates of both directions are taken in the order of their scores, if both sentences are still free.
    For equal scores, forward candidates come first, then earlier sentences. Pairs that score `floor` or less are
    dropped, but their sentences count as taken, as in the official script.

    Source: `mine_bitext` of google-research/xtreme, retrieval "max".
    """
    left = np.concatenate([np.arange(len(forward[0])), backward[0]])
    right = np.concatenate([forward[0], np.arange(len(backward[0]))])
    scores = np.concatenate([forward[1], backward[1]])
    taken_left, taken_right = set(), set()
    kept = []
    for candidate in np.argsort(-scores, kind="stable"):
        i, j = int(left[candidate]), int(right[candidate])
        if i in taken_left or j in taken_right:
            continue
        taken_left.add(i)
        taken_right.add(j)
        if scores[candidate] > floor:
            kept.append(candidate)
    order = np.array(kept, np.int64)
    return left[order], right[order], scores[order]


def best_threshold(scores: Scores, right: npt.NDArray[np.bool_], gold: int, floor: float) -> float:
    """Return the score that a pair needs to be kept so that F1 is highest, or `floor` if no pair is right.

    The threshold is midway between the last kept pair and the first dropped one. If all pairs are kept, it is the score
    of the last pair. Pairs with equal scores are kept or dropped together. Among thresholds with the same F1, the
    highest one is used. F1 is computed from precision and recall as in the official script, with the same rounding.

    Args:
        scores: Scores of the mined pairs.
        right: Whether each mined pair is a gold pair.
        gold: Number of gold pairs.
        floor: Floor of the scoring; all scores are above it.

    Source: `bucc_optimize` of google-research/xtreme.
    """
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], np.cumsum(right[order])
    threshold, highest = floor, 0.0
    for kept in range(1, len(ordered) + 1):
        last = kept == len(ordered)
        if not last and ordered[kept] == ordered[kept - 1]:
            continue
        f1 = _f1(int(hits[kept - 1]), kept, gold)
        if f1 > highest:
            highest = f1
            threshold = float(ordered[kept - 1] if last else (ordered[kept - 1] + ordered[kept]) / 2)
    return threshold


def _f1(right: int, kept: int, gold: int) -> float:
    """Return the harmonic mean of precision and recall, rounded at each step as in the official script."""
    if not right:
        return 0.0
    precision, recall = right / kept, right / gold
    return 2 * precision * recall / (precision + recall)
