"""Mistakes in `augment`, each told once, where it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from layover.errors import RecipeError
from layover.recipe import load

RECIPE = """\
schema: 1
name: copies
models: {mini: {name: sandbox/mini}}
methods: {lora: {module: lora}}
data_root: ROOT
tasks:
  moods:
    kind: classification
    labels: [a, b]
    text: [text]
    files: {train: a.csv, validation: a.csv, test: a.csv}
  idle:
    kind: classification
    labels: [a, b]
    text: [text]
    files: {train: a.csv}
  texts:
    kind: mlm
    text: [text]
    files: {train: a.txt, validation: a.txt}
  words:
    kind: retrieval
    files: {test: {de: [a.txt, b.txt]}}
sweep: {model: [mini], method: [lora], intermediate: [none, texts], target: [moods, words]}
"""
GOOD = "{synonyms: good.tsv, copies: 2}"


def problems(folder: Path, task: str, augment: str) -> list[str]:
    (folder / "good.tsv").write_text("big\tlarge\n", encoding="utf-8")
    (folder / "bad.tsv").write_text("big\tlarge\nbig\ncat\ttom cat\n", encoding="utf-8")
    path = folder / "r.yaml"
    text = RECIPE.replace("ROOT", str(folder)).replace(f"  {task}:\n", f"  {task}:\n    augment: {augment}\n")
    path.write_text(text, encoding="utf-8")
    try:
        load(path)
    except RecipeError as error:
        return [str(problem).replace(f"{folder}/", "") for problem in error.problems]
    return []


@pytest.mark.parametrize("augment", [GOOD, "null", "{synonyms: good.tsv, copies: 1000, seed: 7}"])
def test_what_is_right(tmp_path: Path, augment: str) -> None:
    assert problems(tmp_path, "moods", augment) == []


@pytest.mark.parametrize(
    ("task", "augment", "messages"),
    [
        ("moods", "{synonyms: none.tsv, copies: 2}", ["synonyms: none.tsv: there is no such file; correct the path"]),
        (
            "moods",
            "{synonyms: bad.tsv, copies: 2}",
            [
                "synonyms: bad.tsv:2: the line has 1 fields; write a word, a tab and one neighbour",
                "synonyms: bad.tsv:3: the neighbour 'tom cat' has white space, but one word is replaced by one word",
            ],
        ),
        ("moods", "{synonyms: good.tsv}", ["copies"]),
        ("moods", "{synonyms: good.tsv, copies: 0}", ["copies"]),
        ("moods", "{synonyms: good.tsv, copies: 1001}", ["copies"]),
        ("moods", "{copies: 2}", ["synonyms"]),
        ("moods", "{synonyms: good.tsv, copies: 2, sed: 1}", ["sed"]),
        (
            "idle",
            GOOD,
            ["tasks.idle.augment: no training uses idle, so this has no effect; remove it, or train on idle"],
        ),
        (
            "texts",
            GOOD,
            [
                "tasks.texts.augment: texts is a task of mlm, whose words no synonym can replace; kinds that can: ch",
            ],
        ),
        ("words", GOOD, ["tasks.words.augment: is not allowed for words: retrieval is not trained"]),
    ],
)
def test_every_mistake_is_told_once(tmp_path: Path, task: str, augment: str, messages: list[str]) -> None:
    said = problems(tmp_path, task, augment)
    assert len(said) == len(messages), said
    assert all(message in problem for message, problem in zip(messages, said, strict=True)), said
