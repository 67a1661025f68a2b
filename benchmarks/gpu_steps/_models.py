"""The sandbox's encoder with every module and composition, and heads for every kind: what steps run on two devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch

from gpu_steps._made import mini_folder, sandbox_rows, sandbox_task
from layover import compositions, heads, kinds, mixers, modules, objectives, tasks
from layover.compositions import AttachedModule, Attachment, Composition
from layover.data.features import Features
from layover.encoder import DropoutClock, Encoder, dtype_of
from layover.execution import Execution
from layover.heads import Head
from layover.mixers._router import Router
from layover.modules import Module
from layover.numerics import Precision, quantisation_of
from layover.objectives import Objective
from layover.specs import Hyperparameters
from layover.training import Branch, FitResult, fit

SEED = 3
ROWS = 24
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "merge": [{"method": "svd"}, {"method": "ties"}, {"method": "dare"}, {"method": "magnitude"}],
    "fuse": [{"mixer": name} for name in mixers.names() if mixers.get(name).learned],
    "route": [{"router": name} for name in mixers.names() if issubclass(mixers.get(name), Router)],
}
"""Settings of compositions beside the defaults."""


@dataclass(frozen=True, eq=False)
class Model:
    """An encoder with attachments, a head, and rows to learn."""

    encoder: Encoder
    head: Head
    clock: DropoutClock
    features: Features
    precision: Precision

    @property
    def branch(self) -> Branch:
        """The training set and its head."""
        return Branch("gpu", self.head, self.features)


@dataclass(frozen=True)
class Case:
    """What is on the encoder, and what it learns."""

    name: str
    kind: str
    module: Module
    composition: Composition | None = None

    def model(self, precision: Precision, *, dropout: float = 0.1) -> Model:
        """Return the model on the CPU; the same weights each time."""
        encoder = load(mini_folder(), precision, whole=self.module.whole, dropout=dropout)
        encoder.attach(self.attachments(encoder))
        return with_head(encoder, self.kind, precision, dropout)

    def attachments(self, encoder: Encoder) -> list[Attachment]:
        """Return what acts on the encoder: trained modules, whose weights change something."""
        if self.composition is None:
            return [replace(trained(self.module, 0), name="target", trainable=True)]
        count = 2 if self.composition.takes_several else 1
        parts = [replace(trained(self.module, place), name=f"intermediate.{place}") for place in range(count)]
        how = self.composition.for_intermediates([f"task{place}" for place in range(count)])
        return how.attachments(how.target_module(self.module, count), parts, shape=encoder.shape, seed=1)


def load(folder: Path, precision: Precision, *, whole: bool, dropout: float) -> Encoder:
    """Return an encoder of a folder with a clock of its own."""
    return Encoder.load(
        folder,
        clock=DropoutClock(SEED),
        dropout=dropout,
        dtype=dtype_of(precision, whole=whole),
        quantisation=quantisation_of(precision),
    )


def with_head(encoder: Encoder, kind: str, precision: Precision, dropout: float) -> Model:
    """Return a model of a kind on the sandbox's rows."""
    task = sandbox_task(kind)
    if task is None:
        raise LookupError(f"the sandbox has no task of the kind {kind}")
    head = heads.build_head(kind, tasks.get(task).labels or (), encoder, dropout)
    return Model(encoder, head, encoder.clock, sandbox_rows(task, ROWS), precision)


@cache
def trained(module: Module, place: int) -> AttachedModule:
    """Return a module with gates as a training leaves it: its weights change something."""
    encoder = load(mini_folder(), "fp32", whole=module.whole, dropout=0.0)
    encoder.attach([AttachedModule("any", module, None, trainable=True)])
    if module.whole or not module.trains_encoder:
        return AttachedModule("any", module, None, trainable=False)
    drawn = torch.Generator().manual_seed(place)
    state = encoder.state("any")
    weights = {name: value + torch.randn(value.shape, generator=drawn) * 0.05 for name, value in state.items()}
    sites = module.sites(encoder.shape)
    gates = {f"{site.name}.gates": torch.randn(1, site.inputs, generator=drawn) for site in sites}
    return AttachedModule("any", module, weights, trainable=False, gates=gates)


def trained_kinds() -> list[str]:
    """Return the kinds that are trained."""
    return [name for name in kinds.names() if kinds.get(name).trained and sandbox_task(name) is not None]


def crossed() -> list[Case]:
    """Return every module with every kind."""
    return [case_of(name, kind) for name in modules.names() for kind in trained_kinds()]


def each_once() -> list[Case]:
    """Return every module with one kind, and LoRA with all."""
    return [case for case in crossed() if case.kind == "classification" or case.module.name == "lora"]


def few() -> list[Case]:
    """Return what a trial of the code runs."""
    return [case_of("lora", "classification"), case_of("lora", "span"), case_of("full", "classification")]


def case_of(module: str, kind: str) -> Case:
    """Return a module with its defaults and a kind."""
    return Case(f"{module}, {kind}", kind, modules.get(module)())


def composed(*, variants: bool) -> list[Case]:
    """Return every composition and variant with every module that it takes; without variants defaults with LoRA."""
    cases = []
    for module in [modules.get(name)() for name in modules.names()] if variants else [modules.get("lora")()]:
        for name in compositions.names():
            for settings in [{}, *VARIANTS.get(name, [])] if variants else [{}]:
                how = compositions.get(name)(**settings)
                if not how.refuses(module):
                    label = ", ".join([f"{name} of {module.name}", *map(str, settings.values())])
                    cases.append(Case(label, "classification", module, how))
    return cases


def every_objective() -> list[Objective]:
    """Return the objectives with their defaults, the plain one first; without those that need a tokenizer."""
    names = sorted(objectives.names(), key=lambda name: name != "plain")
    settings = {"fgsm": {"warmup_epochs": 0.0}}
    every = [objectives.get(name)(**settings.get(name, {})) for name in names]
    return [objective for objective in every if objective.row_view is None]


def train(
    model: Model,
    device: str,
    *,
    steps: int = 4,
    batch: int = 8,
    micro_tokens: int | None = 128,
    objective: Objective | None = None,
    checkpoint_dir: Path | None = None,
    stop: Callable[[], bool] | None = None,
    progress: Callable[[int], None] = lambda _: None,
    **execution: Any,
) -> FitResult:
    """Train a model for some steps; see `fit`."""
    numbers = Hyperparameters(
        lr=1e-3, epochs=100, batch=batch, seed=SEED, dropout=0.1, precision=model.precision, steps=steps
    )
    return fit(
        model.encoder,
        [model.branch],
        hyperparameters=numbers,
        execution=Execution(device=device, micro_batch_tokens=micro_tokens, **execution),
        clock=model.clock,
        judge=None,
        checkpoint_dir=checkpoint_dir,
        progress=lambda now: progress(now.done),
        stop=stop,
        objective=objective or objectives.get("plain")(),
    )


def weights_of(model: Model) -> dict[str, torch.Tensor]:
    """Return copies of all weights that train, on the CPU."""
    named: Sequence[tuple[str, torch.nn.Module]] = [("encoder", model.encoder), ("head", model.head)]
    return {
        f"{part}.{name}": weight.detach().to("cpu", copy=True)
        for part, module in named
        for name, weight in module.named_parameters()
        if weight.requires_grad
    }
