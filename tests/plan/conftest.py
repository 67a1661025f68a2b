"""A small world of files: an encoder's folder that is only looked at, and two tasks of one's own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from layover.data.tokenizer import Tokenizer
from layover.plan import Plan, build
from layover.plan.hub import Revisions
from layover.recipe import load
from layover.store import FileHashes

RECIPE = """\
schema: 1
name: test
models: {{tiny: {{name: {root}/encoder}}}}
data_root: {root}/data
methods:
  full: {{module: full, lr: 1e-3}}
  head: {{module: none}}
  lora: {{module: lora, compose: warm, lr: 4e-4, rank: 4}}
  stack: {{module: lora, compose: stack, lr: 4e-4, rank: 4}}
train: {{batch: 8, epochs: 2, max_length: 32, stride: 8}}
tasks:
  claims: {{kind: classification, labels: [no, yes], text: [text], label: label, train_language: en,
           files: {{train: claims/train.jsonl, validation: claims/dev.jsonl,
                   test: {{en: claims/en.jsonl, sw: claims/sw.jsonl}}}}}}
  moods: {{kind: classification, labels: [no, yes], text: [text], label: label, train_language: en,
          files: {{train: moods/train.jsonl, validation: moods/dev.jsonl, test: {{en: moods/en.jsonl}}}}}}
sweep:
  model: [tiny]
  method: [full, head, lora, stack]
  intermediate: [none, claims]
  target: [moods]
  seed: [1, 2]
  exclude: [{{method: stack, intermediate: none}}]
"""


def questions(text: str) -> dict[str, Any]:
    """Return one question in SQuAD's format."""
    answer = {"text": text, "answer_start": 0}
    asked = {"id": text, "question": f"what of {text}?", "answers": [answer]}
    return {"data": [{"title": text, "paragraphs": [{"context": f"{text} is here", "qas": [asked]}]}]}


class World:
    """Files below a folder, and plans of recipes over them."""

    def __init__(self, root: Path, tokenizer: Tokenizer) -> None:
        self.root = root
        encoder = root / "encoder"
        encoder.mkdir(parents=True)
        config = {"num_hidden_layers": 2, "hidden_size": 16, "intermediate_size": 32, "vocab_size": 100}
        (encoder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        (encoder / "model.safetensors").write_bytes(b"weights")
        tokenizer.save(encoder / "tokenizer.json")
        for task in ("claims", "moods", "signs"):
            for part in ("train", "dev", "en", "sw"):
                self.write(f"{task}/{part}.jsonl", f"{task} {part}")

    def write(self, name: str, text: str) -> None:
        """Write a file of two examples; below `signs` they have other labels."""
        path = self.root / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        labels = ("a", "b") if name.startswith("signs/") else ("no", "yes")
        rows = [{"text": f"{text} {label}", "label": label} for label in labels]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def ask(self, name: str, text: str) -> None:
        """Write a file of one question in SQuAD's format."""
        path = self.root / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(questions(text)), encoding="utf-8")

    def recipe(self, change: Callable[[str], str] = str) -> Path:
        """Write the recipe, changed, and return its path."""
        path = self.root / "recipe.yaml"
        path.write_text(change(RECIPE.format(root=self.root)), encoding="utf-8")
        return path

    def plan(self, *overrides: str, change: Callable[[str], str] = str) -> Plan:
        """Return the plan of the recipe, changed."""
        revisions = Revisions()
        revisions.offline = True
        return build(load(self.recipe(change), overrides), FileHashes(), revisions)


@pytest.fixture
def world(tmp_path: Path, tokenizer: Tokenizer) -> World:
    """A fresh world."""
    return World(tmp_path / "one", tokenizer)


@pytest.fixture
def other_world(tmp_path: Path, tokenizer: Tokenizer) -> World:
    """The same files somewhere else."""
    return World(tmp_path / "two", tokenizer)


IMPORTING = """\
schema: 1
name: test
models: {mini: {name: sandbox/mini}}
modules:
  mine: {path: modules/lora}
methods:
  one: {module: lora, compose: stack, rank: 4, alpha: 8}
train: {epochs: 1, select: null}
tasks:
  sandbox/nli: {limit: {train: 8}}
  sandbox/paraphrase: {limit: {train: 8, test: 4}}
sweep:
  model: [mini]
  method: [one]
  intermediate: [none, mine]
  target: [sandbox/paraphrase]
eval: {languages: [en]}
"""


class Importing:
    """A folder with a recipe, and a LoRA for sandbox/mini that peft wrote."""

    def __init__(self, root: Path, foreign: Path) -> None:
        self.root = root
        (root / "recipe.yaml").write_text(IMPORTING, encoding="utf-8")
        shutil.copytree(foreign / "lora", root / "modules" / "lora")

    def plan(self, *overrides: str) -> Plan:
        """Return the plan of the recipe."""
        revisions = Revisions()
        revisions.offline = True
        return build(load(self.root / "recipe.yaml", overrides), FileHashes(), revisions)


@pytest.fixture
def importing(tmp_path: Path, foreign: Path) -> Importing:
    """A fresh folder."""
    return Importing(tmp_path, foreign)
