"""Perturbations over the public test files: the rate, gold, and the texts of many scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.perturbations.test_perturbations import NAMES

from layover import kinds, perturbations, tasks
from layover.perturbations import Perturber

pytestmark = pytest.mark.data

MOST = 150
"""Examples of each language."""


def examples(data_root: Path, name: str, split: str, language: str) -> list[Any]:
    """Return examples of a file, spread over it."""
    task = tasks.get(name)
    place = task.locate(split, language, root=data_root)
    if place is None:
        pytest.skip(f"the public test data have no {split} file of {name} in {language}")
    every = task.read(place)
    return every[:: max(len(every) // MOST, 1)][:MOST]


def perturbed(name: str, language: str, label: str, every: list[Any]) -> tuple[list[Any], Perturber]:
    task = tasks.get(name)
    kind = kinds.get(task.kind)
    perturber = Perturber(perturbations.of(label), 1, language, kind.changeable(task.labels, task.rules()))
    return [kind.perturb(example, perturber) for example in every], perturber


@pytest.mark.parametrize("label", [f"{name}-20" for name in NAMES])
@pytest.mark.parametrize("language", ["en", "ar", "hi", "th", "zh", "sw", "ur"])
def test_xnli(data_root: Path, language: str, label: str) -> None:
    every = examples(data_root, "xnli", "validation", language)
    changed, by = perturbed("xnli", language, label, every)
    assert [each.label for each in changed] == [each.label for each in every]
    if label == "case-20" and language in ("ar", "hi", "th", "ur", "zh"):
        assert by.words <= 0.05 * sum(len(each.first.split()) + len(each.second.split()) for each in every) + 500
        return
    assert 0.13 < by.changed / by.words < 0.25
    assert all(each.first.strip() and each.second.strip() for each in changed)


@pytest.mark.parametrize("label", [f"{name}-20" for name in NAMES])
@pytest.mark.parametrize(
    ("task", "split", "language"),
    [("mlqa", "validation", "en"), *(("xquad", "test", language) for language in ("ar", "de", "th", "vi", "zh"))],
)
def test_questions(data_root: Path, task: str, split: str, language: str, label: str) -> None:
    every = examples(data_root, task, split, language)
    changed, by = perturbed(task, language, label, every)
    for before, after in zip(every, changed, strict=True):
        assert [answer.text for answer in after.answers] == [answer.text for answer in before.answers]
        for answer in after.answers:
            assert after.context[answer.start : answer.start + len(answer.text)] == answer.text
    if label != "case-20" or language not in ("ar", "th", "zh"):
        assert 0.15 < by.changed / by.words < 0.25
        same = sum(before.context == after.context for before, after in zip(every, changed, strict=True))
        assert same < 0.05 * len(every), "only contexts of a few words"


@pytest.mark.parametrize("label", [f"{name}-20" for name in NAMES])
@pytest.mark.parametrize("language", ["en", "ar", "my", "ta", "zh"])
def test_panx(data_root: Path, language: str, label: str) -> None:
    every = examples(data_root, "panx", "validation", language)
    changed, _ = perturbed("panx", language, label, every)
    for before, after in zip(every, changed, strict=True):
        assert len(after.tokens) == len(after.tags)
        gold = [pair for pair in zip(before.tokens, before.tags, strict=True) if pair[1] != "O"]
        assert [pair for pair in zip(after.tokens, after.tags, strict=True) if pair[1] != "O"] == gold


@pytest.mark.parametrize("label", [f"{name}-20" for name in NAMES])
@pytest.mark.parametrize("language", ["en", "ar", "he", "ta", "th", "zh"])
def test_udpos(data_root: Path, language: str, label: str) -> None:
    every = examples(data_root, "udpos", "test", language)
    changed, by = perturbed("udpos", language, label, every)
    for before, after in zip(every, changed, strict=True):
        assert len(after.tokens) == len(after.tags)
        assert all(after.tokens)
        if not label.startswith("words"):
            assert after.tags == before.tags
    if label != "case-20" or language == "en":
        assert 0.13 < by.changed / by.words < 0.25
