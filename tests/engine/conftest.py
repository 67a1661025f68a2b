"""A sweep small enough to be run many times, through the real command line."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest
from tests.command import layover

from layover_sandbox.encoders import folder_of

MOST_SAID = 20_000_000
"""Characters; a process that says them all the time fills the memory of who collects them."""
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


def _heeds_requests() -> None:
    """Undo what a shell and `nohup` do to jobs in the background, these tests perhaps among them."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def said_by(process: subprocess.Popen[str], seconds: float) -> str:
    """Return what a process says until it ends; it is killed when it says too much, or takes longer."""
    assert process.stdout is not None
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    with process.stdout:
        said = process.stdout.read(MOST_SAID)
        if len(said) == MOST_SAID:
            process.kill()
    process.wait()
    assert timer.is_alive(), f"it takes longer than {seconds} s: {said[-2000:]}"
    timer.cancel()
    assert len(said) < MOST_SAID, said[-2000:]
    return said


class Working:
    """A folder to work in."""

    def __init__(self, root: Path) -> None:
        self.root = root

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
            preexec_fn=_heeds_requests,  # noqa: PLW1509  it takes no lock
        )

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run `layover ARGUMENTS` in this process, hold it to its exit code, return what it said."""
        with contextlib.chdir(self.root):
            ended, said = layover(*arguments)
        assert ended == code, said
        assert "Traceback" not in said, said
        return said


class Folder(Working):
    """A working folder with a recipe, its data and an encoder."""

    def __init__(self, root: Path, encoder: Path) -> None:
        super().__init__(root)
        self.said = ""
        """By the run that was stopped last."""
        (root / "data").mkdir(parents=True)
        (root / "encoder").symlink_to(encoder)
        rows(root / "data" / "claims.jsonl", ["tree", "house", "river", "stone"] * 8)
        rows(root / "data" / "moods.jsonl", ["cat", "dog", "bird", "fish"] * 8)
        rows(root / "data" / "german.jsonl", ["Katze", "Hund", "Vogel", "Fisch"])
        (root / "recipe.yaml").write_text(RECIPE, encoding="utf-8")

    def stop_in_training(
        self, *arguments: str, after: int, by: signal.Signals = signal.SIGINT, whom: str = "group"
    ) -> dict[str, Any]:
        """Run `layover ARGUMENTS --json` and stop it when a training has seen more than `after` examples.

        Args:
            arguments: Of the command line.
            after: Examples.
            by: The signal; Ctrl-C.
            whom: It is sent to: `group` or `parent`.

        Returns:
            The event that told of the examples.
        """
        process = self.start(*arguments, "--json")
        assert process.stdout is not None
        event: dict[str, Any] = next(
            event
            for event in map(json.loads, process.stdout)
            if event["event"] == "progress" and event["label"].startswith("train") and event["done"] > after
        )
        if whom == "group":
            os.killpg(process.pid, by)
        else:
            process.send_signal(by)
        said = said_by(process, 300)
        assert process.returncode == 130, said
        assert "Traceback" not in said
        assert "stopped; finished nodes are kept" in said
        self.said = said
        return event

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


BEFORE = """\
schema: 1
name: before
models: {mini: {name: sandbox/mini}}
methods: {lora: {module: lora, rank: 4, alpha: 8, target: [query, value], lr: 3e-3}}
train: {batch: 16, epochs: 1, select: null}
tasks: {sandbox/nli: {limit: {train: 32, test: 8}}}
sweep: {model: [mini], method: [lora], target: [sandbox/nli]}
eval: {languages: [de]}
run: {workers: 1, threads: 1, device: cpu}
"""

AFTER = """\
schema: 1
name: after
models: {mini: {name: sandbox/mini}}
modules:
  mine: {path: foreign/lora}
  headed: {path: foreign/headed, task: sandbox/nli}
  pack: {path: packages/before}
  theirs: {path: foreign/bottleneck}
methods:
  warm:  {module: lora, rank: 4, alpha: 8, lr: 3e-3}
  stack: {module: lora, compose: stack, rank: 2, lr: 3e-3}
  merge: {module: lora, compose: merge, rank: 2, lr: 3e-3}
  fuse:  {module: lora, compose: {name: fuse, mixer: gated}, rank: 4, lr: 3e-3}
  arrow: {module: lora, compose: {name: route, router: arrow}, rank: 4, lr: 3e-3}
  direct: {module: lora, compose: {name: stack, on_top: none}}
  goes_on: {module: lora, compose: stack, head: continue, rank: 2, lr: 3e-3}
  further: {module: bottleneck, placement: houlsby, reduction: 8, activation: swish, lr: 1e-3}
train: {batch: 16, epochs: 1, select: null}
tasks:
  sandbox/nli: {limit: {train: 32, test: 8}}
  sandbox/paraphrase: {limit: {train: 32, test: 8}}
sweep:
  model: [mini]
  method: [warm, stack, merge, fuse, arrow, direct, goes_on, further]
  intermediate: [mine, headed, pack, [mine, pack], theirs]
  target: [sandbox/paraphrase, sandbox/nli, sandbox/aligned]
  seed: [1]
  exclude:
    - {target: sandbox/paraphrase, method: [direct, goes_on]}
    - {target: sandbox/nli, method: [warm, stack, merge, fuse, arrow]}
    - {target: sandbox/aligned, method: [stack, fuse, arrow, direct, goes_on]}
    - {target: [sandbox/nli, sandbox/aligned], method: further}
    - {target: sandbox/aligned, intermediate: [headed, pack, mine+pack, theirs]}
    - {method: [fuse, arrow], intermediate: [mine, headed, pack]}
    - {method: [goes_on, direct], intermediate: [mine+pack, theirs]}
eval: {languages: [de]}
run: {workers: 1, threads: 1, device: cpu}
"""
WITHOUT_ADAPTERS = (
    "sweep.method=[warm, stack, merge, fuse, arrow, direct, goes_on]",
    "sweep.intermediate=[mine, headed, pack, [mine, pack]]",
)


class Swept(Working):
    """A folder with recipes, modules and a store."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.axes: tuple[str, ...] = ()

    def after(self, verb: str, *more: str, code: int = 0) -> str:
        """Run a verb on the recipe with imported modules."""
        return self.run(verb, "after.yaml", *self.axes, *more, code=code)

    def nodes(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the identities of the finished nodes of a kind, by key."""
        found = {}
        for path in sorted(self.root.glob("store/nodes/*/*/done.json")):
            done = json.loads(path.read_text(encoding="utf-8"))
            if done["kind"] == kind:
                found[done["key"]] = done["identity"]
        return found

    def place(self, key: str) -> Path:
        """Return the folder of a finished node."""
        return self.root / "store" / "nodes" / key[:2] / key

    def imported(self, file: str) -> str:
        """Return the key of the import of a file of weights."""
        from layover.identity import file_sha256

        wanted = file_sha256(self.root / file)
        (key,) = (key for key, identity in self.nodes("import").items() if identity["weights"] == wanted)
        return key


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory, foreign: Path) -> Swept:
    """A finished sweep over modules of peft, of adapters where it is installed, and a package of Layover."""
    done = Swept(tmp_path_factory.mktemp("imports"))
    shutil.copytree(foreign, done.root / "foreign")
    for name, text in (("before", BEFORE), ("after", AFTER)):
        (done.root / f"{name}.yaml").write_text(text, encoding="utf-8")
    if not _installed("adapters"):
        done.axes = WITHOUT_ADAPTERS
    else:
        _save_bottleneck(done.root / "foreign" / "bottleneck")
    done.run("run", "before.yaml")
    done.run("export", "before.yaml", "mini/lora/none/sandbox/nli/1", "--name", "before", "--to", "packages")
    said = done.after("run")
    assert re.search(r"\n(\d+) of \1 cells finished", said), said
    return done


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _save_bottleneck(folder: Path) -> None:
    import adapters
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder_of("sandbox/mini"), dtype=torch.float32)
    adapters.init(model)
    model.add_adapter("theirs", config=adapters.DoubleSeqBnConfig(reduction_factor=8))
    torch.manual_seed(1)
    for name, weight in model.named_parameters():
        if "adapters" in name:
            torch.nn.init.normal_(weight, std=0.1)
    model.save_adapter(str(folder), "theirs", use_safetensors=True)
