"""A key that has another name now is refused, and the message says the new one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from tests.recipe.conftest import SMALL, Told

from layover.execution import Execution
from layover.recipe import load
from layover.recipe.expected import is_model, options, plain
from layover.recipe.schema import Document
from layover.settings import RecipeSection

RENAMED = sorted(Execution.renamed.items())


def sections(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield a model and all that its fields hold."""
    yield model
    waiting: list[Any] = [field.annotation for field in model.model_fields.values()]
    while waiting:
        annotation = waiting.pop()
        for option in map(plain, options(annotation)):
            if is_model(option):
                yield from sections(option)
            else:
                waiting += getattr(option, "__args__", ())


def test_a_new_name_is_a_key_and_an_old_one_is_none() -> None:
    renaming = [one for one in sections(Document) if issubclass(one, RecipeSection) and one.renamed]
    assert Execution in renaming
    for section in renaming:
        names = {field.alias or name for name, field in section.model_fields.items()}
        assert names.isdisjoint(section.renamed), section
        assert names >= set(section.renamed.values()), section


def test_names_that_were_keys_of_run() -> None:
    assert RENAMED == [("micro_tokens", "micro_batch_tokens"), ("trunk_cache", "hidden_state_cache")]


@pytest.mark.parametrize(("old", "new"), RENAMED)
def test_an_old_name_in_a_recipe(told: Told, old: str, new: str) -> None:
    line = SMALL.count("\n") + 1
    assert told(f"{SMALL}run: {{{old}: 5}}\n") == [f"r.yaml:{line}: run.{old}: this key is now called {new}"]


@pytest.mark.parametrize("value", ["5", "0", "null", "much", "[1]"])
@pytest.mark.parametrize(("old", "new"), RENAMED)
def test_an_old_name_on_the_command_line(told: Told, old: str, new: str, value: str) -> None:
    override = f"run.{old}={value}"
    expected = [f"command line ({override}): run.{old}: this key is now called {new}"]
    assert told(SMALL, override) == expected


def test_an_old_name_beside_the_new_one_and_another_mistake(told: Told) -> None:
    line = SMALL.count("\n") + 1
    text = f"{SMALL}run: {{trunk_cache: 5, hidden_state_cache: 6GB, worker: 1}}\n"
    assert told(text) == [
        f"r.yaml:{line}: run.trunk_cache: this key is now called hidden_state_cache",
        f"r.yaml:{line}: run.worker: unknown key; did you mean 'workers'?",
    ]


def test_an_old_name_of_another_section_is_unknown_there(told: Told) -> None:
    (message,) = told(SMALL.replace("train: {", "train: {trunk_cache: 0, "))
    assert "train.trunk_cache: unknown key; one of: batch" in message


def test_the_new_names(tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text(f"{SMALL}run: {{micro_batch_tokens: 7}}\n", encoding="utf-8")
    run = load(recipe, ["run.hidden_state_cache=1KiB"]).document.run
    assert (run.micro_batch_tokens, run.hidden_state_cache) == (7, 1024)


def test_the_exit_code_and_the_line(tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text(f"{SMALL}run:\n  workers: 1\n  trunk_cache: 0\n", encoding="utf-8")
    command = [sys.executable, "-m", "layover", "check", str(recipe), "run.micro_tokens=8"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    line = SMALL.count("\n") + 3
    assert f"{recipe}:{line}: run.trunk_cache: this key is now called hidden_state_cache" in done.stderr
    assert "run.micro_tokens: this key is now called micro_batch_tokens" in done.stderr
    assert "Traceback" not in done.stderr
