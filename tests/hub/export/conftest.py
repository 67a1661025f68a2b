"""One tiny sweep with every kind of task and every composition, and the packages that are exported from it."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from tests.shared_folder import made_once
from torch import Tensor

from layover.cli.shared import planned
from layover.encoder import DropoutClock, Encoder
from layover.encoder.initialise import init_encoder
from layover.heads import Head, build_head
from layover.hub.choose import choose, identifier
from layover.hub.export import Export
from layover.hub.options import Options
from layover.modules import AdapterDrop
from layover.packages.package import Package, open_package
from layover.plan import Plan
from layover.store import Store
from layover_sandbox.encoders import folder_of

NLI, COMPLETION, BOTH = "sandbox/nli", "sandbox/completion", "sandbox/nli+sandbox/completion"
PARAPHRASE, NER, COPA, QA, ALIGNED = (f"sandbox/{name}" for name in ("paraphrase", "ner", "copa", "qa", "aligned"))
LEGAL = "sandbox/nli_legal"
TARGETS = (PARAPHRASE, NER, COPA, QA, ALIGNED, LEGAL)

METHODS = """\
  full:    {module: full, compose: warm, lr: 1e-3, dropout: 0}
  head:    {module: none}
  lora:    {module: lora, compose: warm, lr: 2e-2, rank: 2, alpha: 4, target: [query, attention_output, output],
            layers: [0, 1, 3], patterns: [{target: [output], layers: [1], rank: 3, alpha: 2}]}
  stack:   {module: lora, compose: stack, lr: 2e-2, rank: 2, alpha: 4}
  drop:    {module: lora, compose: stack, lr: 2e-2, rank: 2, alpha: 4, adapterdrop: {predict: 2}}
  onhead:  {module: lora, compose: {name: stack, on_top: head}, lr: 2e-2, rank: 2, alpha: 4}
  merge:   {module: lora, compose: {name: merge, weights: {sandbox/nli: 0.75, sandbox/completion: -0.5}},
            lr: 2e-2, rank: 2, alpha: 4}
  alone:   {module: lora, compose: {name: merge, on_top: none}, lr: 2e-2, rank: 2, alpha: 4}
  ties:    {module: lora, compose: {name: merge, method: ties}, lr: 2e-2, rank: 2, alpha: 4}
  fuse:    {module: bottleneck, compose: fuse, lr: 2e-2, reduction: 16}
  route:   {module: lora, compose: {name: route, gates: {steps: 2}}, lr: 2e-2, rank: 2, alpha: 4}
  bn:      {module: bottleneck, compose: stack, lr: 2e-2, reduction: 16}
  houlsby: {module: bottleneck, placement: houlsby, compose: stack, lr: 2e-2, reduction: 16}
  beside:  {module: bottleneck, placement: parallel, compose: stack, lr: 2e-2, reduction: 16}
  ia3:     {module: ia3, compose: stack, lr: 2e-2}
  dora:    {module: dora, lr: 2e-2, rank: 2, alpha: 4}
"""
CELLS = (
    ("mini", "full", "none", PARAPHRASE),
    ("mini", "full", NLI, PARAPHRASE),
    ("mini", "head", "none", PARAPHRASE),
    ("mini", "lora", NLI, NER),
    ("mini", "stack", "none", PARAPHRASE),
    ("mini", "stack", NLI, PARAPHRASE),
    ("mini", "stack", BOTH, NER),
    ("mini", "stack", "mix", PARAPHRASE),
    ("mini", "stack", NLI, ALIGNED),
    ("mini", "drop", NLI, PARAPHRASE),
    ("mini", "onhead", NLI, PARAPHRASE),
    ("mini", "merge", BOTH, COPA),
    ("mini", "alone", BOTH, LEGAL),
    ("mini", "ties", BOTH, COPA),
    ("mini", "fuse", BOTH, PARAPHRASE),
    ("mini", "route", BOTH, PARAPHRASE),
    ("mini", "bn", NLI, QA),
    ("mini", "houlsby", NLI, NER),
    ("mini", "beside", NLI, PARAPHRASE),
    ("mini", "ia3", NLI, COPA),
    ("mini", "dora", "none", COPA),
    ("own", "stack", NLI, PARAPHRASE),
)
"""Model, method, intermediate, target: all that is run."""
FLAT = (
    "mini/stack/sandbox/nli",
    f"mini/stack/{BOTH}",
    "mini/drop",
    "mini/onhead",
    "mini/merge",
    "mini/alone",
    "mini/ia3",
    "own/stack",
)
"""Beginnings of the labels of those that are exported flattened, too."""
RECIPE = """\
schema: 1
name: tiny
models: {{mini: {{name: sandbox/mini}}, own: {{name: {encoder}}}}}
methods:
{methods}
train: {{batch: 8, epochs: 1, max_length: 64, stride: 16, select: null}}
mixtures: {{mix: {{tasks: [sandbox/nli, sandbox/text], sampling: uniform}}}}
tasks:
{tasks}
sweep:
  model: [mini, own]
  method: {names}
  intermediate: [none, sandbox/nli, [sandbox/nli, sandbox/completion], mix]
  target: {targets}
  seed: [1]
  exclude: {excluded}
eval: {{languages: [de, en]}}
run: {{workers: 2, threads: 1, device: cpu}}
"""


def _recipe(encoder: Path) -> str:
    names = [line.split(":")[0].strip() for line in METHODS.splitlines() if line[2] != " "]
    every = itertools.product(("mini", "own"), names, ("none", NLI, BOTH, "mix"), TARGETS)
    fields = ("model", "method", "intermediate", "target")
    excluded = [dict(zip(fields, point, strict=True)) for point in every if point not in CELLS]
    limited = (NLI, COMPLETION, PARAPHRASE, NER, COPA, QA, LEGAL, "sandbox/text")
    tasks = "\n".join(f"  {name}: {{limit: {{train: 24, test: 4}}}}" for name in limited)
    return RECIPE.format(
        encoder=encoder,
        methods=METHODS,
        tasks=tasks,
        names=json.dumps(names),
        targets=json.dumps(TARGETS),
        excluded=json.dumps(excluded),
    )


@dataclass(frozen=True)
class Sweep:
    """A finished sweep in a folder of its own; tests only read it."""

    root: Path
    plan: Plan
    store: Store

    def cell(self, start: str) -> str:
        """Return the label of the one cell that begins so."""
        (found,) = [cell.label for cell in self.plan.cells if cell.label.startswith(start)]
        return found

    def export(self, to: Path, *starts: str, **options: object) -> list[Path]:
        """Export cells by the beginnings of their labels."""
        wanted = choose(self.plan, self.store, [self.cell(start) for start in starts])
        return Export(self.plan, self.store, to, Options(**options)).packages(wanted)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """The finished sweep."""
    with made_once(tmp_path_factory, "sharing") as (root, needed):
        if needed:
            _run(root)
    there = planned(root / "recipe.yaml", [], root / "store")
    return Sweep(root, there.plan, there.store)


def _run(root: Path) -> None:
    """Make an encoder and run the sweep."""
    texts = root / "texts"
    texts.mkdir()
    words = ["the cat sleeps", "a dog runs", "two birds sing", "das Haus ist rot", "who closed the door"]
    (texts / "all.txt").write_text("".join(f"{text} {number}.\n" for number in range(40) for text in words))
    init_encoder(root / "encoder", layers=4, hidden=32, heads=2, vocab_from=texts, vocab_size=300, seed=0)
    (root / "recipe.yaml").write_text(_recipe(root / "encoder"), encoding="utf-8")
    found = subprocess.run(
        [sys.executable, "-m", "layover", "run", "recipe.yaml"],
        cwd=root,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-2000:] + found.stderr[-2000:]


REFUSED = ("full", "aligned")
HUB = "mini-lora-for-adapters"
"""A LoRA that is exported in AdapterHub's layout, too."""
INTERMEDIATES = tuple(
    f"mini-{name}-s1"
    for name in (
        *(f"{method}-sandbox-nli" for method in ("beside", "fuse", "houlsby", "ia3", "stack")),
        *(f"{method}-sandbox-completion" for method in ("fuse", "stack")),
        "stack-mix",
    )
)
"""What is exported because others need it: each once, named after the first method that begins with it."""


IN_PEFT = ("lora", "stack", "drop", "onhead", "merge", "alone", "ia3", "dora")
"""Methods whose packages are for peft."""


def _names() -> list[str]:
    """Return the names of all packages."""
    found = [HUB, *INTERMEDIATES, "own-stack-sandbox-nli-s1"]
    for model, method, intermediate, target in CELLS:
        if method != "full" and target != ALIGNED:
            words = [model, method, *([] if intermediate == "none" else [intermediate]), target, "s1"]
            found.append(identifier(*words))
            if f"{model}/{method}/{intermediate}/{target}".startswith(FLAT):
                found.append(f"{found[-1]}-flat")
    return sorted(found)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a `name` with that of every package, or of every one that a library is for."""
    names = _names()
    chosen = {
        "name": names,
        "peft_name": [name for name in names if name.split("-")[1] in IN_PEFT],
        "adapters_name": [
            name
            for name in names
            if name == HUB or name.split("-")[1] in {"bn", "houlsby"} or (name in INTERMEDIATES and "stack" not in name)
            if "ia3" not in name
        ],
    }
    for argument, values in chosen.items():
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, values)


@pytest.fixture(scope="session")
def exported(sweep: Sweep, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all packages of the sweep, and the encoder that has no name beside them."""
    labels = [cell.label for cell in sweep.plan.cells if not any(word in cell.label for word in REFUSED)]
    with made_once(tmp_path_factory, "packages") as (folder, needed):
        if needed:
            sweep.export(folder, *labels)
            sweep.export(folder, *(label for label in labels if label.startswith(FLAT)), flatten=True)
            sweep.export(folder, "mini/stack/none", name=HUB, adapterhub=True)
            (folder / "encoder").symlink_to(sweep.root / "encoder")
    return folder


@dataclass(frozen=True)
class Loaded:
    """A package as Layover puts it together."""

    package: Package
    encoder: Encoder
    head: Head | None

    def hidden(self, row: tuple[int, ...]) -> Tensor:
        """Return the last hidden states of a row, (1, T, H)."""
        with torch.inference_mode():
            return self.encoder(torch.tensor([row]), torch.tensor([len(row)]))

    def logits(self, row: tuple[int, ...]) -> Tensor:
        """Return what the head gives out for a row."""
        assert self.head is not None
        with torch.inference_mode():
            return self.head(self.hidden(row), torch.tensor([len(row)]))


Load = Callable[[str], Loaded]


@pytest.fixture(scope="session")
def base_of(sweep: Sweep) -> Callable[[Package], str]:
    """The folder of a package's encoder."""

    def find(package: Package) -> str:
        name = package.card.base.name
        return str(sweep.root / "encoder" if name is None else folder_of(name))

    return find


@pytest.fixture(scope="session")
def load(exported: Path, base_of: Callable[[Package], str]) -> Load:
    """Puts a package together from nothing but its files, those beside it and the encoder."""

    def put_together(name: str) -> Loaded:
        package = open_package(exported / name)
        card = package.card
        encoder = Encoder.load(base_of(package), None, clock=DropoutClock(0))
        encoder.attach(package.attachments())
        encoder.drop(AdapterDrop(predict=card.skipped_layers))
        encoder.eval()
        weights, head = package.head(), None
        if weights is not None:
            assert card.task is not None
            head = build_head(card.task.kind, tuple(card.task.labels), encoder, 0.0).eval()
            head.load_weights(weights, name)
        return Loaded(package, encoder, head)

    return put_together
