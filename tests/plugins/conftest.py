"""A toy package, installed, and a sweep that was run with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.plugins.site import install, seen
from tests.store.faults import sentences

RECIPE = """\
schema: 1
name: toys
models: {{mini: {{name: sandbox/mini}}}}
data_root: {root}/data
methods:
  shift: {{module: shift, lr: 1e-2}}
  beside: {{module: shift, compose: beside, lr: 1e-2}}
  lora: {{module: lora, compose: stack, rank: 2, lr: 3e-3}}
train: {{batch: 8, epochs: 1, max_length: 24}}
tasks:
  claims: {{kind: classification, labels: [no, yes], text: [text], label: label, select: null,
           files: {{train: claims.jsonl}}}}
  signs: {{kind: classification, labels: [no, yes], text: [text], label: label, metrics: [accuracy], select: null,
          files: {{train: claims.jsonl, test: signs.jsonl}}}}
  verdicts: {{kind: verdict, labels: [no, yes], text: [text], label: label, select: null,
             files: {{train: claims.jsonl, test: signs.jsonl}}}}
  toy_moods: {{select: {{split: validation, language: en}}}}
sweep:
  model: [mini]
  method: [shift, beside, lora]
  intermediate: [none, claims]
  target: [toy_moods, signs, verdicts]
  seed: [1]
  exclude: [{{method: shift, intermediate: claims}}, {{method: beside, target: [signs, verdicts]}},
            {{intermediate: claims, target: verdicts}}]
run: {{workers: 1, threads: 1, device: cpu}}
"""


def write_data(root: Path) -> Path:
    """Write data and recipe; return the recipe."""
    data = root / "data"
    data.mkdir(parents=True)
    things = ["tree", "house", "river", "stone", "cat", "dog", "bird", "fish"]
    (data / "claims.jsonl").write_text(sentences(things * 2), encoding="utf-8")
    (data / "signs.jsonl").write_text(sentences(things[4:]), encoding="utf-8")
    for split, words in (("train", things * 2), ("validation", things[:4]), ("test", things[2:])):
        rows = [f"the {word} is {'here | yes' if place % 2 else 'gone | no'}" for place, word in enumerate(words)]
        (data / f"moods.{split}.bars").write_text("\n".join([*rows, ""]), encoding="utf-8")
    recipe = root / "toys.yaml"
    recipe.write_text(RECIPE.format(root=root), encoding="utf-8")
    return recipe


def command(site: Path | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `layover ARGUMENTS` in a process of its own that sees an installed package."""
    path = os.pathsep.join([*([] if site is None else [str(site)]), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "layover", *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Path]:
    """The toy, installed in version 1.0 where this process finds it."""
    with seen(install(tmp_path / "site")) as site:
        yield site


@pytest.fixture(scope="package")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the toy installed in `site`, a recipe, and a store in which it was run by the command line."""
    root = tmp_path_factory.mktemp("toys")
    recipe, site = write_data(root), install(root / "site")
    found = command(site, "run", str(recipe), "--store", str(root / "store"))
    assert found.returncode == 0, found.stdout + found.stderr
    return root
