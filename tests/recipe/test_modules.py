"""Imported modules in a recipe: what may stand there, and one clear problem for what may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from layover.errors import RecipeError
from layover.recipe import Recipe, load
from layover.recipe.intermediate_checks import folder_of

RECIPE = """\
schema: 1
name: test
models: {mini: {name: sandbox/mini}}
modules:
  mine: {path: modules/lora, task: sandbox/nli}
  theirs: {hub: org/adapter, revision: v1.0}
  spare: {path: nowhere}
methods:
  stack: {module: lora, compose: stack}
  merge: {module: lora, compose: {name: merge, weights: {mine: 0.7, sandbox/nli: 0.3}}}
mixtures:
  both: {tasks: [sandbox/nli, sandbox/text]}
sweep:
  model: [mini]
  method: [stack, merge]
  intermediate: [none, mine, [mine, sandbox/nli], [theirs, both]]
  target: [sandbox/ner]
  exclude: [{method: merge, intermediate: [theirs+both, mine]}]
"""


def loaded(tmp_path: Path, *overrides: str) -> Recipe:
    (tmp_path / "modules" / "lora").mkdir(parents=True, exist_ok=True)
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return load(path, overrides)


def test_a_module_stands_on_the_axis_alone_and_in_lists_and_trains_on_nothing(tmp_path: Path) -> None:
    recipe = loaded(tmp_path)
    assert recipe.learned("mine") == ("mine",)
    assert recipe.learned("theirs+both") == ("theirs", "both")
    assert recipe.members("mine") == ()
    assert set(recipe.document.swept()) == {"sandbox/nli", "sandbox/text", "sandbox/ner"}
    assert recipe.imported == {}, "nothing is opened before there is a plan"


def test_a_path_is_relative_to_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    recipe = loaded(tmp_path)
    modules = recipe.document.modules
    assert folder_of(modules["mine"], recipe.source) == tmp_path / "modules" / "lora"
    assert folder_of(modules["theirs"], recipe.source) is None
    absolute = loaded(tmp_path, f"modules.mine.path={tmp_path}/modules")
    assert folder_of(absolute.document.modules["mine"], recipe.source) == tmp_path / "modules"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("modules.mine={pth: modules/lora}", "modules.mine.pth: unknown key; did you mean 'path'?"),
        ("modules.mine={}", "modules.mine: needs exactly one place; set path for a folder, or hub"),
        ("modules.mine={path: modules/lora, hub: a/b}", "modules.mine: needs exactly one place"),
        ("modules.mine={hub: org/adapter}", "modules.mine: a module of the hub needs its revision"),
        ("modules.mine={path: modules/lora, revision: main}", "modules.mine: a folder has no revision"),
        ("modules.mine={hub: adapter, revision: main}", "does not fit; write a repository of the hub, org/name"),
        ("modules.mine={hub: a/../b, revision: main}", "does not fit; write a repository of the hub, org/name"),
        ("modules.mine.path=modules/lara", "modules/lara; did you mean 'lora'?"),
        ("modules.mine.path=r.yaml", "r.yaml is a file; name the folder with config and weights"),
        ("modules.mine.task=sandbox/nly", "modules.mine.task: unknown task 'sandbox/nly'; did you mean 'sandbox/nli'?"),
        ("modules.none={path: modules/lora}", "modules.none: 'none' means no intermediate; rename the module"),
        ("modules.both={path: modules/lora}", "modules.both: 'both' is the name of a mixture; rename the module"),
        ("modules.squad={path: modules/lora}", "modules.squad: 'squad' is the name of a task; rename the module"),
        ("modules.a+b={path: modules/lora}", "modules.a+b"),
        ("sweep.intermediate=[mien]", "sweep.intermediate[0]: unknown task 'mien'; did you mean 'mine'?"),
        ("sweep.intermediate=[[mine, mine]]", "'mine' appears twice in this list"),
        ("sweep.target=[mine]", "sweep.target[0]: mine is an imported module, and a target must be a task"),
        ("mixtures.both={tasks: [sandbox/nli, mine]}", "mixtures.both.tasks[1]: mine is an imported module, which is"),
        ("methods.merge.compose.weights={mien: 1.0}", "'mien' is not an intermediate of the sweep; did you mean"),
    ],
)  # fmt: skip
def test_mistakes(tmp_path: Path, override: str, expected: str) -> None:
    with pytest.raises(RecipeError) as caught:
        loaded(tmp_path, override, *(["sweep.exclude=[]"] if override.startswith("sweep") else []))
    (problem,) = caught.value.problems
    assert expected in str(problem)


def test_a_mistake_has_its_line(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"r\.yaml:5: modules\.mine\.path: no such folder: .*modules/lora; none is"):
        load(_written(tmp_path))


def test_a_module_that_nothing_uses_need_not_be_there(tmp_path: Path) -> None:
    recipe = loaded(tmp_path, "modules.mine.path=gone", "sweep.intermediate=[none]", "methods.merge.compose=merge")
    assert recipe.document.sweep.learned() == ()


def _written(tmp_path: Path) -> Path:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path
