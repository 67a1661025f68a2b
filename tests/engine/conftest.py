"""A sweep small enough to be run many times, through the real command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

RECIPE = """\
schema: 1
name: tiny
models: {tiny: {name: encoder}}
data_root: data
methods:
  lora: {module: lora, lr: 3e-3, rank: 2}
  stack: {module: lora, compose: stack, lr: 3e-3, rank: 2}
train: {batch: 8, epochs: 2, max_length: 24, stride: 4}
tasks:
  claims: {kind: classification, labels: [no, yes], text: [text], label: label,
           files: {train: claims.jsonl, validation: claims.jsonl}}
  moods: {kind: classification, labels: [no, yes], text: [text], label: label,
          files: {train: moods.jsonl, validation: moods.jsonl, test: {en: moods.jsonl, de: german.jsonl}}}
sweep:
  model: [tiny]
  method: [lora, stack]
  intermediate: [none, claims]
  target: [moods]
  seed: [1, 2]
  exclude: [{method: stack, intermediate: none}]
run: {workers: 2, threads: 1, device: cpu}
"""


def rows(path: Path, things: Sequence[str]) -> None:
    """Write two examples for each thing."""
    lines = []
    for index, thing in enumerate(things):
        lines.append({"text": f"{thing} number {index} is here", "label": "yes"})
        lines.append({"text": f"{thing} number {index} is not here", "label": "no"})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


class Folder:
    """A working folder with a recipe, its data and an encoder."""

    def __init__(self, root: Path, encoder: Path) -> None:
        self.root = root
        (root / "data").mkdir(parents=True)
        (root / "encoder").symlink_to(encoder)
        rows(root / "data" / "claims.jsonl", ["tree", "house", "river", "stone"] * 8)
        rows(root / "data" / "moods.jsonl", ["cat", "dog", "bird", "fish"] * 8)
        rows(root / "data" / "german.jsonl", ["Katze", "Hund", "Vogel", "Fisch"])
        (root / "recipe.yaml").write_text(RECIPE, encoding="utf-8")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `layover ARGUMENTS` in the folder."""
        return subprocess.Popen(
            [sys.executable, "-m", "layover", *arguments],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            start_new_session=True,
        )

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run `layover ARGUMENTS`, hold it to its exit code, return what it said."""
        process = self.start(*arguments)
        said, _ = process.communicate(timeout=300)
        assert process.returncode == code, said
        assert "Traceback" not in said, said
        return said

    def stop_in_training(self, *arguments: str, after: int) -> None:
        """Run `layover ARGUMENTS --json` and press Ctrl-C when a training has seen more than `after` examples."""
        process = self.start(*arguments, "--json")
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "progress" and event["label"].startswith("train") and event["done"] > after:
                break
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 130

    def records(self) -> dict[str, bytes]:
        """Return every record in the store, by key."""
        return {path.parent.name: path.read_bytes() for path in self.root.glob("store/nodes/*/*/record.json")}

    def weights(self) -> dict[str, bytes]:
        """Return every trained file in the store, by key and name."""
        return {
            f"{path.parent.name}/{path.name}": path.read_bytes()
            for path in self.root.glob("store/nodes/*/*/*.safetensors")
        }


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random encoder with a tokenizer, made by the project's own function."""
    from layover.encoder.initialise import init_encoder

    root = tmp_path_factory.mktemp("encoder")
    texts = root / "texts"
    texts.mkdir()
    rows(texts / "all.jsonl", ["tree", "house", "river", "stone", "cat", "dog", "bird", "fish", "Katze", "Hund"])
    init_encoder(root / "tiny", layers=2, hidden=32, heads=2, vocab_from=texts, vocab_size=300, seed=0)
    return root / "tiny"


@pytest.fixture
def folder(tmp_path: Path, encoder: Path) -> Folder:
    """A fresh working folder."""
    return Folder(tmp_path / "work", encoder)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> Folder:
    """A working folder whose sweep ran without interruption; tests only read it."""
    done = Folder(tmp_path_factory.mktemp("finished") / "work", encoder)
    done.run("run", "recipe.yaml")
    return done
