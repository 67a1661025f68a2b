"""Mixtures in a recipe: what may stand there, and one clear problem for what may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from layover.errors import RecipeError
from layover.recipe import Recipe, load

RECIPE = """\
schema: 1
name: test
models: {mini: {name: sandbox/mini}}
methods:
  lora: {module: lora}
  stack: {module: lora, compose: stack}
mixtures:
  both: {tasks: [sandbox/nli, sandbox/text], sampling: temperature, temperature: 4, cap: 100, weights: {sandbox/nli: 2}}
  spare: {tasks: [sandbox/nli, squad]}
sweep:
  model: [mini]
  method: [lora, stack]
  intermediate: [none, both, [both, sandbox/qa]]
  target: [sandbox/ner, sandbox/mined]
"""


def loaded(tmp_path: Path, *overrides: str) -> Recipe:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return load(path, overrides)


def test_a_mixture_stands_on_the_axis_alone_and_in_lists(tmp_path: Path) -> None:
    recipe = loaded(tmp_path)
    assert recipe.learned("both+sandbox/qa") == ("both", "sandbox/qa")
    assert recipe.members("both") == ("sandbox/nli", "sandbox/text")
    assert recipe.members("sandbox/qa") == ("sandbox/qa",)
    assert set(recipe.document.swept()) == {"sandbox/nli", "sandbox/text", "sandbox/qa", "sandbox/ner", "sandbox/mined"}
    assert recipe.place_of("sandbox/text") == ("mixtures", "both", "tasks", 1)
    assert "squad" in recipe.tasks, "a mixture that nothing uses is known, too"


@pytest.mark.parametrize(
    ("mixture", "exponent"),
    [
        ("{tasks: [snli, squad]}", 1.0),
        ("{tasks: [snli, squad], sampling: uniform}", 0.0),
        ("{tasks: [snli, squad], sampling: temperature, temperature: 4}", 0.25),
        ("{tasks: [snli, squad], sampling: temperature, temperature: 1}", 1.0),
    ],
)
def test_sampling_is_a_power_of_the_sizes(tmp_path: Path, mixture: str, exponent: float) -> None:
    assert loaded(tmp_path, f"mixtures.spare={mixture}").document.mixtures["spare"].exponent() == exponent


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("mixtures.both.tasks=[sandbox/nli]", "mixtures.both.tasks: a mixture needs at least two tasks"),
        ("mixtures.spare.tasks=[squad, squad]", "mixtures.spare.tasks[1]: 'squad' appears twice"),
        ("mixtures.spare.tasks=[squad, snil]", "mixtures.spare.tasks[1]: unknown task 'snil'; did you mean 'snli'?"),
        ("mixtures.spare.tasks=[squad, both]", "mixtures.spare.tasks[1]: both is a mixture; name its tasks"),
        (
            "mixtures.spare.tasks=[squad, xnli]",
            "tasks[1]: xnli cannot be an intermediate: it is declared for targ",
        ),
        ("mixtures.spare.tasks=[squad, tatoeba]", "tasks[1]: tatoeba cannot be an intermediate"),
        ("mixtures.spare.temperature=2", "mixtures.spare.temperature: has no effect with proportional sampling"),
        ("mixtures.spare.sampling=temperature", "mixtures.spare.sampling: needs a temperature; write temperature: 2"),
        (
            "mixtures.spare.sampling=temprature",
            "spare.sampling: 'temprature' is not a valid value; did you mean 'temper",
        ),
        (
            "mixtures.spare.weights={squda: 2}",
            "weights.squda: 'squda' is not a task of the mixture; did you mean 'squad'?",
        ),
        (
            "mixtures.spare.weights={squad: 0}",
            "mixtures.spare.weights.squad: 0 does not fit; write a number from 1e-9 to 1e9",
        ),
        ("mixtures.spare.cap=0", "mixtures.spare.cap: 0 does not fit; write a whole number from 1 to 1,000,000,000"),
        ("mixtures.spare.caps=3", "mixtures.spare.caps: unknown key; did you mean 'cap'?"),
        ("mixtures.none={tasks: [squad, snli]}", "mixtures.none: 'none' means no intermediate"),
        ("mixtures.mnli={tasks: [squad, snli]}", "mixtures.mnli: 'mnli' is the name of a task"),
        ("mixtures.a+b={tasks: [squad, snli]}", "mixtures.a+b: 'a+b' does not fit; write a name of letters, digits"),
        ("sweep.target=[both]", "sweep.target[0]: both is a mixture, and a target must be a task; use"),
        ("sweep.intermediate=[bot]", "sweep.intermediate[0]: unknown task 'bot'; did you mean 'both'?"),
        ("sweep.intermediate=[[both, both]]", "sweep.intermediate[0][1]: 'both' appears twice in this list"),
    ],
)
def test_one_problem_for_one_mistake(tmp_path: Path, override: str, expected: str) -> None:
    with pytest.raises(RecipeError) as caught:
        loaded(tmp_path, override)
    (problem,) = caught.value.problems
    assert expected in str(problem)


def test_a_mistake_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE.replace("weights: {sandbox/nli: 2}", "weights: {sandbox/nil: 2}"), encoding="utf-8")
    with pytest.raises(RecipeError, match=rf"{path}:8: mixtures\.both\.weights\.sandbox/nil: .* did you mean"):
        load(path)
