"""The whole search, from embeddings to scores, against plain ones that are written from the papers.

Mining: Artetxe and Schwenk 2019, arXiv:1811.01136; nearest translation: arXiv:1812.10464. Every cosine stands in a
matrix, and every rule is a loop.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from layover import tasks
from layover.data.features import Features
from layover.execution import Execution
from layover.inference.neighbours import both_ways
from layover.kinds.retrieval import KIND, Example, above, distinct, match, tune

Rows = npt.NDArray[np.float32]
Pairs = dict[tuple[str, str], float]
"""(id of a sentence of the language, id of its English one) -> score."""


def ours(examples: list[Example], embeddings: Rows, *, scoring: str, mining: bool) -> list[Any]:
    """Return predictions as a predict node makes them, from an embedding per example."""
    sides = [embeddings[distinct(examples, side)[0]] for side in ("language", "english")]
    found = match(examples, *both_ways(*sides, execution=Execution(device="cpu")), scoring=scoring, mining=mining)
    offsets = np.arange(len(examples) + 1, dtype=np.int64)
    arrays = {"ids": np.zeros(len(examples), np.int32), "offsets": offsets, "example": offsets[1:].astype(np.int32)}
    return KIND.decode(found, Features(arrays), examples, labels=())


def pairs_of(predictions: Sequence[Any], examples: Sequence[Example]) -> Pairs:
    found = zip(predictions, examples, strict=True)
    return {(item.id, one["id"]): one["score"] for one, item in found if item.side == "language" and one is not None}


def cosines(left: Rows, right: Rows) -> npt.NDArray[np.float64]:
    one, two = (rows.astype(np.float64) for rows in (left, right))
    products = (one / np.linalg.norm(one, axis=1)[:, None]) @ (two / np.linalg.norm(two, axis=1)[:, None]).T
    return np.round(products, 12)  # equal sentences are equally near


MARGINS: dict[str, Callable[[float, float], float]] = {
    "cosine": lambda cosine, _: cosine,
    "ratio": lambda cosine, mean: cosine / mean,
    "distance": lambda cosine, mean: cosine - mean,
}


def mined(examples: list[Example], embeddings: Rows, scoring: str) -> Pairs:
    """Return the pairs of the published procedure, by plain loops."""
    sides = [[row for row, item in enumerate(examples) if item.side == side] for side in ("language", "english")]
    often = [Counter(examples[row].text for row in rows) for rows in sides]
    # each text once, where it stands first
    one, two = (sorted({examples[row].text: row for row in reversed(rows)}.values()) for rows in sides)
    cosine = cosines(embeddings[one], embeddings[two])
    near = [np.argsort(-matrix, axis=1, kind="stable")[:, :4] for matrix in (cosine, cosine.T)]
    around = [
        [float(matrix[row, found].mean()) for row, found in enumerate(every)]
        for matrix, every in zip((cosine, cosine.T), near, strict=True)
    ]

    def score(i: int, j: int) -> float:
        return MARGINS[scoring](cosine[i, j], (around[0][i] + around[1][j]) / 2)

    candidates = [(i, max(found, key=lambda j: score(i, j))) for i, found in enumerate(near[0])]
    candidates += [(max(found, key=lambda i: score(i, j)), j) for j, found in enumerate(near[1])]
    taken: tuple[set[int], set[int]] = set(), set()
    pairs = {}
    for i, j in sorted(candidates, key=lambda pair: -score(*pair)):
        if i in taken[0] or j in taken[1]:
            continue
        taken[0].add(i)
        taken[1].add(j)
        left, right = examples[one[i]], examples[two[j]]
        if often[0][left.text] == often[1][right.text] == 1 and (scoring == "distance" or score(i, j) > 0):
            pairs[left.id, right.id] = score(i, j)
    return pairs


def f1(pairs: Pairs, gold: set[tuple[str, str]], threshold: float) -> float:
    kept = {pair for pair, score in pairs.items() if score >= threshold}
    return 200 * len(kept & gold) / (len(kept) + len(gold))


def gold_of(examples: list[Example]) -> set[tuple[str, str]]:
    return {(item.id, other) for item in examples if item.side == "language" for other in item.gold or ()}


def corpus(seed: int, *, corners: bool) -> tuple[list[Example], Rows]:
    """Return sentences, many of them more than once, some of them pairs, and embeddings.

    With `corners` all cosines are multiples of 1/8, so that there are ties everywhere.
    """
    random = np.random.default_rng(seed)
    texts = {"language": random.integers(0, 140, 160), "english": random.integers(0, 170, 200)}
    vectors = random.choice([-1.0, 1.0], (170, 16)) if corners else random.normal(size=(170, 16))
    noise = np.zeros((170, 16)) if corners else 0.4 * random.normal(size=(170, 16))
    translated = {
        (f"l{i}", f"e{j}") for i, n in enumerate(texts["language"]) for j in np.flatnonzero(texts["english"] == n)[:1]
    }
    examples, rows = [], []
    for place, (side, numbers) in enumerate(texts.items()):
        for row, number in enumerate(numbers):
            name = f"{side[0]}{row}"
            others = tuple(sorted(pair[1 - place] for pair in translated if pair[place] == name))
            examples.append(Example(name, side, f"{side} {number}", others))
            rows.append(vectors[number] + place * noise[number])
    return examples, np.array(rows, np.float32)


@pytest.mark.parametrize("corners", [True, False])
@pytest.mark.parametrize("scoring", MARGINS)
@pytest.mark.parametrize("seed", range(3))
def test_mined_pairs_and_the_threshold_of_another_split(seed: int, scoring: str, corners: bool) -> None:
    found: list[Pairs] = []
    splits = [corpus(seed, corners=corners), corpus(seed + 100, corners=corners)]
    predictions = [ours(*split, scoring=scoring, mining=True) for split in splits]
    for (examples, embeddings), predicted in zip(splits, predictions, strict=True):
        found.append(mined(examples, embeddings, scoring))
        assert pairs_of(predicted, examples) == pytest.approx(found[-1], abs=1e-5)
        assert len(found[-1]) > 10
    (tuning, _), (scored, _) = splits
    threshold = tune(predictions[0], tuning, scoring)
    highest = max(f1(found[0], gold_of(tuning), score) for score in found[0].values())
    assert f1(found[0], gold_of(tuning), threshold) == pytest.approx(highest)
    metrics = ("bucc_f1",)
    score = KIND.score(above(predictions[1], threshold), scored, metrics=metrics, language="de")["bucc_f1"]
    assert score == pytest.approx(f1(found[1], gold_of(scored), threshold))
    assert score > 0


def nearest(examples: list[Example], embeddings: Rows) -> dict[str, float]:
    """Return both accuracies by a full matrix over all lines, equal ones included."""
    sides = [[row for row, item in enumerate(examples) if item.side == side] for side in ("language", "english")]
    cosine = cosines(embeddings[sides[0]], embeddings[sides[1]])
    hits = []
    for asking, searched, matrix in ((1, 0, cosine.T), (0, 1, cosine)):
        best = [examples[sides[searched][place]].id for place in matrix.argmax(axis=1)]
        hits.append([name in (examples[row].gold or ()) for name, row in zip(best, sides[asking], strict=True)])
    names = ("retrieval_accuracy", "retrieval_accuracy_to_english")
    return {name: 100 * float(np.mean(hit)) for name, hit in zip(names, hits, strict=True)}


@pytest.mark.parametrize("corners", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_the_nearest_translation(seed: int, corners: bool) -> None:
    random = np.random.default_rng(seed)
    order, texts = random.permutation(150), random.integers(0, 110, 150)
    vectors = random.choice([-1.0, 1.0], (110, 16)) if corners else random.normal(size=(110, 16))
    language = [
        Example(str(i), "language", f"l {n}", (str(int(np.flatnonzero(order == i)[0])),)) for i, n in enumerate(texts)
    ]
    english = [Example(str(j), "english", f"e {texts[i]}", (str(i),)) for j, i in enumerate(order)]
    embeddings = np.concatenate([vectors[texts], vectors[texts[order]]]).astype(np.float32)
    examples = [*language, *english]
    predictions = ours(examples, embeddings, scoring="cosine", mining=False)
    scores = KIND.score(predictions, examples, metrics=KIND.metrics, language="de")
    assert scores == pytest.approx(nearest(examples, embeddings))
    assert 0 < scores["retrieval_accuracy"] < 100, "of equal lines only the first can be found"


def direction(text: str) -> npt.NDArray[np.float64]:
    return np.random.default_rng(zlib.crc32(text.encode())).normal(size=32)


def translated(examples: list[Example]) -> Rows:
    """Return embeddings of a poor encoder: that of the English sentence, and something of its own."""
    english = {item.id: item.text for item in examples if item.side == "english"}
    of_text: dict[str, npt.NDArray[np.float64]] = {}
    for item in examples:
        meaning = english[item.gold[0]] if item.side == "language" and item.gold else item.text
        of_text.setdefault(item.text, 1.5 * direction(meaning) + direction(f"{item.side} {item.text}"))
    return np.array([of_text[item.text] for item in examples], np.float32)


@pytest.mark.data
def test_the_nearest_translation_in_the_official_files_and_in_sorted_ones(data_root: Path, tmp_path: Path) -> None:
    task = tasks.get("tatoeba")
    original = task.locate("test", "de", root=data_root)
    assert original is not None
    examples = task.read(original)
    embeddings = translated(examples)
    scores = KIND.score(
        ours(examples, embeddings, scoring="cosine", mining=False), examples, metrics=KIND.metrics, language="de"
    )
    assert scores == pytest.approx(nearest(examples, embeddings))
    assert 20 < scores["retrieval_accuracy"] < 99
    # as XTREME's preprocessing writes them, with the gold that it keeps to itself
    english = [item.text for item in examples if item.side == "english"]
    order = sorted(range(len(english)), key=lambda line: english[line])
    assert order != list(range(len(english)))
    (tmp_path / "tatoeba").mkdir()
    language = "".join(f"{item.text}\n" for item in examples if item.side == "language")
    for name, text in {
        "de-en.de": language,
        "de-en.en": "".join(f"{english[line]}\n" for line in order),
        "test-de.tsv": "".join(f"{line}\n" for line in order),
    }.items():
        (tmp_path / "tatoeba" / name).write_text(text, encoding="utf-8")
    location = task.locate("test", "de", root=tmp_path)
    assert location is not None
    turned = task.read(location)
    predictions = ours(turned, translated(turned), scoring="cosine", mining=False)
    assert KIND.score(predictions, turned, metrics=KIND.metrics, language="de") == pytest.approx(scores)


@pytest.mark.data
@pytest.mark.parametrize("scoring", ["ratio", "distance"])
def test_mining_in_a_part_of_the_official_files(scoring: str, data_root: Path) -> None:
    task = tasks.get("bucc2018")
    location = task.locate("validation", "zh", root=data_root)
    assert location is not None
    every = task.read(location)
    language = [item for item in every if item.side == "language"]
    wanted = [item for item in language if item.gold][:60]
    names = {name for item in wanted for name in item.gold or ()}
    others = [item for item in language if not item.gold][:600]
    english = [item for item in every if item.side == "english"]
    examples = [*wanted, *others, *(item for n, item in enumerate(english) if item.id in names or n < 900)]
    embeddings = translated(examples)
    predictions, expected = (
        ours(examples, embeddings, scoring=scoring, mining=True),
        mined(examples, embeddings, scoring),
    )
    assert pairs_of(predictions, examples) == pytest.approx(expected, abs=1e-5)
    threshold = tune(predictions, examples, scoring)
    gold = {(item.id, name) for item in wanted for name in item.gold or ()}
    score = f1(expected, gold, threshold)
    assert score == pytest.approx(max(f1(expected, gold, value) for value in expected.values()))
    assert 20 < score < 99
