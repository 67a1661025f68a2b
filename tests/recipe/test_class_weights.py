"""Class weights of a recipe that no loss would have, each told once, where it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from layover.errors import RecipeError
from layover.recipe import load

RECIPE = """\
schema: 1
name: weights
models: {mini: {name: sandbox/mini}}
methods: {lora: {module: lora}}
train:
  epochs: 1
tasks:
  moods:
    kind: classification
    labels: [0, 1, no]
    text: [text]
    files: {train: a.csv, validation: a.csv, test: a.csv}
  words:
    kind: tagging
    labels: [O, B-X]
    files: {train: a.conll, validation: a.conll, test: a.conll}
  spans:
    kind: span
    files: {train: a.json, validation: a.json, test: a.json}
  idle:
    kind: classification
    labels: [a, b]
    text: [text]
    files: {train: a.csv}
  found:
    kind: classification
    labels: from training
    text: [text]
    files: {train: a.csv, validation: a.csv, test: a.csv}
sweep: {model: [mini], method: [lora], intermediate: [none, words, spans], target: [moods, found]}
"""


def problems(folder: Path, old: str, new: str, *overrides: str) -> list[str]:
    path = folder / "r.yaml"
    assert old in RECIPE
    path.write_text(RECIPE.replace(old, new, 1), encoding="utf-8")
    try:
        load(path, overrides)
    except RecipeError as error:
        return [f"{problem.where.rpartition('/')[2]} {problem}" for problem in error.problems]
    return []


def under(task: str, line: str) -> tuple[str, str]:
    return f"  {task}:\n", f"  {task}:\n    class_weights: {line}\n"


@pytest.mark.parametrize(
    ("change", "where", "said"),
    [
        (under("moods", "{2: 3}"), "r.yaml:9", "'2' is not a label of moods; one of: 0, 1, no"),
        (under("moods", "{0: 3, noo: 2}"), "r.yaml:9", "'noo' is not a label of moods; did you mean 'no'?"),
        (under("words", "{B-Y: 3}"), "r.yaml:14", "'B-Y' is not a label of words; did you mean 'B-X'?"),
        (
            under("spans", "balanced"),
            "r.yaml:18",
            "spans is a task of span, which has no classes to weigh; tasks of classification",
        ),
        (under("idle", "balanced"), "r.yaml:21", "no training uses idle, so these weights have no effect"),
        (under("moods", "balance"), "r.yaml:9", "'balance' is not a valid value; did you mean 'balanced'?"),
        (under("moods", "{0: -1}"), "r.yaml:9", "-1 does not fit; write a number from 1e-9 to 1e9"),
        (under("moods", "{0: .inf}"), "r.yaml:9", "write a number from 1e-9 to 1e9"),
        (under("moods", "{}"), "r.yaml:9", "is empty"),
        (under("moods", "[1, 2, 3]"), "r.yaml:9", "write balanced, or a mapping"),
        (
            ("  epochs: 1\n", "  class_weights: {B-X: 2}\n"),
            "r.yaml:6",
            "'B-X' is not a label of moods; one of: 0, 1, no",
        ),
        (
            ("  epochs: 1\n", "  class_weights: {0: 2}\n"),
            "r.yaml:6",
            "'0' is not a label of words; one of: B-X, O; or set",
        ),
        (
            ("  epochs: 1\n", "  class_weights: {x: 2}\n"),
            "r.yaml:6",
            "'x' is not a label of words, moods; one of: B-X, O",
        ),
    ],
)
def test_what_no_loss_would_have(tmp_path: Path, change: tuple[str, str], where: str, said: str) -> None:
    told = problems(tmp_path, *change)
    assert told, "it is refused"
    assert where in told[0]
    assert said in told[0]
    assert len(told) == 1


@pytest.mark.parametrize(
    "change",
    [
        under("moods", "balanced"),
        under("moods", "{0: 2, 1: 0.5}"),
        under("moods", "{no: 3}"),
        under("words", "{B-X: 3}"),
        under("found", "{whatever: 2}"),  # told by the plan, which reads the training data
        under("moods", "null"),
        ("  epochs: 1\n", "  class_weights: balanced\n"),
    ],
)
def test_what_is_obeyed(tmp_path: Path, change: tuple[str, str]) -> None:
    assert not problems(tmp_path, *change)


def test_weights_of_all_trainings_are_obeyed_by_some(tmp_path: Path) -> None:
    alone = "sweep.intermediate=[none]", "sweep.target=[sandbox/qa]"
    said = problems(tmp_path, "  epochs: 1\n", "  class_weights: balanced\n", *alone)
    assert len(said) == 1
    assert "r.yaml:6" in said[0]
    assert "no trained task has classes to weigh; tasks of classification and tagging have" in said[0]
    own = "tasks.moods.class_weights=null", "sweep.target=[moods]", "sweep.intermediate=[none]"
    assert not problems(tmp_path, "  epochs: 1\n", "  class_weights: {B-X: 2}\n", *own), (
        "moods says that it weighs nothing"
    )


def test_weights_of_a_part_of_a_joined_task_are_obeyed_by_none(tmp_path: Path) -> None:
    swept = "sweep.intermediate=[none]", "sweep.target=[anli_plus]", "tasks.snli.class_weights=balanced"
    said = problems(tmp_path, "  epochs: 1\n", "  epochs: 1\n", *swept)
    assert any("no training uses snli, so these weights have no effect" in one for one in said), said
