"""A small recipe, and ways to load what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from layover.errors import RecipeError
from layover.recipe import load

SMALL = """\
schema: 1
name: small
models: {mini: {name: sandbox/mini}}
methods:
  lora: {module: lora, compose: warm, lr: 3e-3}
train: {batch: 8, epochs: 1, max_length: 32}
sweep:
  model: [mini]
  method: [lora]
  intermediate: [none]
  target: [sandbox/nli]
  seed: [1]
"""

Told = Callable[..., list[str]]


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """What tells the problems of a recipe (`SMALL` without one) and overrides, its folder taken away; none if valid."""
    path = tmp_path / "r.yaml"

    def problems(text: str | bytes = SMALL, *overrides: str) -> list[str]:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        try:
            load(path, overrides)
        except RecipeError as error:
            return [str(one).removeprefix(f"{path.parent}/") for one in error.problems]
        return []

    return problems
