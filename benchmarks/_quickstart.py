"""The trainings and predictions of recipes/quickstart.yaml, against the floor of all of them.

The nodes run one after the other in this process, as a worker runs them. The CPU time of each is compared with its
own floor, at the rate of dense products that was measured last. Inside trainings and predictions, the time of some
functions is taken, which gives shares by phase.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import _floor
import numpy as np
import torch
from _common import ROOT, spread, tell
from _rates import DenseRate, seconds

from layover import heads, kinds
from layover.cli.shared import planned
from layover.compositions import Attachment
from layover.data.features import Features
from layover.encoder.attached import MixWeights, ModuleWeights
from layover.engine.jobs import Job, group
from layover.engine.worker import run_node
from layover.estimates.passes import Pass, passes
from layover.execution import Execution
from layover.plan import Node
from layover.shape import Shape
from layover.specs import StepSpec
from layover.specs.predict import Matching, PredictSpec
from layover.specs.train import TrainSpec
from layover.steps.artifacts import load_features, load_meta
from layover.steps.trained import attachments_to_train, trained_attachments
from layover.store import Store
from layover.training.forward import TrainingForward
from layover.training.optimizer import Optimizer

RECIPE = ROOT / "recipes" / "quickstart.yaml"
PART = ["sweep.seed=[1]", "sweep.intermediate=[none, sandbox/parallel, sandbox/completion]"]
"""Every method, kind of task and kind of prediction, in a third of the time."""
QUICK = [
    "sweep.seed=[1]",
    "sweep.intermediate=[none]",
    "sweep.target=[sandbox/copa, sandbox/aligned]",
    "sweep.method=[lora]",
]
GOAL = 1.7
TOKENS = 1024
"""Of the dense products; a step of the recipe has about as many."""
COUNTED = ("train", "prediction", "retrieval")
"""Kinds of nodes that have a floor."""
NAMES = {"train": "the rest of trainings"}
RATE_SECONDS = 8.0
"""CPU seconds after which the rate of dense products is measured again."""


class Phases:
    """Adds up CPU seconds by phase; the time of a phase inside another counts for the inner one only."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = 0.0

    def _switch(self) -> None:
        now = seconds("cpu")
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time inside for a phase."""
        self._switch()
        self._open.append(name)
        try:
            yield
        finally:
            self._switch()
            self._open.pop()

    def timed(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Return the function with its time counted for a phase."""

        def run(*arguments: Any, **settings: Any) -> Any:
            with self.phase(name):
                return function(*arguments, **settings)

        return run

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take the time of forward and backward passes, modules and the optimizer."""
        places = [
            (TrainingForward, "__call__", "forward"),
            (torch.Tensor, "backward", "backward"),
            (Optimizer, "step", "optimizer"),
            (ModuleWeights, "changed", "modules"),
            (MixWeights, "changed", "modules"),
        ]
        with ExitStack() as stack:
            for owner, name, phase in places:
                stack.enter_context(mock.patch.object(owner, name, self.timed(getattr(owner, name), phase)))
            yield


class Floors:
    """The operations that the nodes of a plan cannot do without."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, node: Node[StepSpec], *, strict: bool) -> float:
        """Return the operations of a training or a prediction; `strict` as in limit.py."""
        spec = node.spec
        every = passes(spec, self._units)
        if every is None:
            raise RuntimeError(f"{node.label}: the sizes of its data are unknown")
        return sum(self._pass(spec, reading, strict=strict) for reading in every)

    def _units(self, key: str) -> int:
        return int(load_meta(self._store, key)["examples"])

    def _pass(self, spec: StepSpec, reading: Pass, *, strict: bool) -> float:
        shape: Shape = spec.encoder.shape
        features = load_features(self._store, reading.data, reading.kind)
        if isinstance(spec, PredictSpec) and spec.matching is not None:
            return self._search(spec, spec.matching, features, shape)
        lengths = features.lengths
        if not reading.trains:
            lengths = lengths[np.unique(features.first_equal)]
        batch = _floor.Batch.of(lengths, reading.times)
        attachments, first = self._attachments(spec, shape), strict and heads.get(reading.kind).first_only
        output = _head(reading, _outputs(reading, spec), batch, shape, whole=_floor.is_whole(attachments))
        encoder = _floor.training if reading.trains else _floor.forward
        return encoder(attachments, shape, batch, first_only=first) + output

    def _attachments(self, spec: StepSpec, shape: Shape) -> list[Attachment]:
        if isinstance(spec, TrainSpec):
            return attachments_to_train(self._store, spec, shape)
        if not isinstance(spec, PredictSpec) or spec.train is None:
            return []
        return trained_attachments(self._store, spec.train, shape)

    def _search(self, spec: PredictSpec, matching: Matching, features: Features, shape: Shape) -> float:
        batch, sides = _floor.Batch.of(features.lengths), features.rows / 2
        embedding = _floor.forward(self._attachments(spec, shape), shape, batch, layers=max(matching.layers))
        return embedding + len(matching.layers) * 2 * sides**2 * shape.hidden


def _head(reading: Pass, outputs: int | None, batch: _floor.Batch, shape: Shape, *, whole: bool) -> float:
    """Return the operations of a head; without `outputs` it compares with the word embeddings.

    These train only if the whole encoder does; all else of a head does, so a training needs each product three times.
    """
    times, dense = 3 if reading.trains else 1, shape.hidden**2
    if outputs is None:
        masked, table = batch.tokens * reading.hidden_percent / 100, shape.hidden * shape.vocabulary
        return 2 * masked * (times * dense + (times if whole or not reading.trains else 2) * table)
    if heads.get(reading.kind).first_only:
        return 2 * batch.rows * times * (dense + shape.hidden * outputs)
    return 2 * batch.tokens * times * shape.hidden * outputs


def _outputs(reading: Pass, spec: StepSpec) -> int | None:
    """Return the outputs of the head; None if it has the whole vocabulary."""
    labels = spec.labels if isinstance(spec, PredictSpec) else ()
    if isinstance(spec, TrainSpec):
        labels = next(task.labels for task in spec.tasks if task.kind == reading.kind)
    return kinds.get(reading.kind).head_size(labels)


def quickstart(given: argparse.Namespace) -> dict[str, Any]:
    """Return the costs of the recipe's trainings and predictions as multiples of their floors, and shares by phase."""
    overrides = QUICK if given.quick else PART
    with tempfile.TemporaryDirectory(prefix="layover-bench-") as out:
        prepared = planned(RECIPE, overrides, Path(out) / "store", computes=True)
        run = _Run(prepared.store, Execution(device=given.device, threads=given.threads), given)
        for job in _in_order(prepared.plain.nodes):
            run.job(job)
    return {"overrides": overrides, "goal": GOAL, **run.result()}


def _in_order(nodes: Mapping[str, Node[StepSpec]]) -> Iterator[Job]:
    """Yield the jobs of a plan, each after all that it needs."""
    waiting, done = group(nodes.values()), set[str]()
    while waiting:
        job = next(job for job in waiting if _needs(job) <= done)
        waiting.remove(job)
        done |= job.nodes.keys()
        yield job


def _needs(job: Job) -> set[str]:
    """Return the keys that a job needs from other jobs."""
    return {need for node in job.nodes.values() for need in node.needs} - job.nodes.keys()


class _Run:
    """Runs jobs, and adds up CPU seconds and floors."""

    def __init__(self, store: Store, execution: Execution, given: argparse.Namespace) -> None:
        self._store, self._execution = store, execution
        self._device, self._budget = given.device, 0.06 if given.quick else 0.3
        self._floors, self._phases = Floors(store), Phases()
        self._dense: DenseRate | None = None
        self._rates: list[float] = []
        self._rated_at = 0.0
        self._cpu: defaultdict[str, float] = defaultdict(float)
        self._floor: dict[str, defaultdict[str, float]] = {name: defaultdict(float) for name in ("plain", "strict")}
        self._nodes: Counter[str] = Counter()

    def job(self, job: Job) -> None:
        """Run the nodes of a job."""
        for node in job.nodes.values():
            self._node(node)
        gc.collect()

    def _node(self, node: Node[StepSpec]) -> None:
        kind = node.kind
        if isinstance(node.spec, PredictSpec):
            kind = "prediction" if node.spec.matching is None else "retrieval"
        if isinstance(node.spec, TrainSpec):
            self._measure_rate(node.spec.encoder.shape)
        ended: list[Mapping[str, Any]] = []
        started = seconds(self._device)
        with self._phases.phase(kind), self._phases.watching() if kind == "train" else nullcontext():
            state = run_node(node, self._store, self._execution, ended.append)
        if state != "done":
            raise SystemExit(f"{node.label}: {state}: {ended[-1]}")
        self._cpu[kind] += seconds(self._device) - started
        self._nodes[kind] += 1
        if kind in COUNTED:
            for name, floors in self._floor.items():
                floors[kind] += self._floors.of(node, strict=name == "strict") / self._rates[-1]
        tell(f"{node.label}: {seconds(self._device) - started:.1f} s")

    def _measure_rate(self, shape: Shape) -> None:
        if self._dense is None:
            self._dense = DenseRate(shape, TOKENS, "fp32", self._device, self._budget)
        if not self._rates or seconds(self._device) - self._rated_at > RATE_SECONDS:
            self._rates.append(max(self._dense.measure().values()))
            self._rated_at = seconds(self._device)

    def result(self) -> dict[str, Any]:
        """Return the figures."""
        phases = {NAMES.get(name, name): value for name, value in self._phases.seconds.items()}
        whole = sum(phases.values())
        kinds_of_nodes = {
            kind: {
                "nodes": self._nodes[kind],
                "cpu_seconds": round(self._cpu[kind], 2),
                "of_floor": round(self._cpu[kind] / self._floor["plain"][kind], 3),
                "of_strict_floor": round(self._cpu[kind] / self._floor["strict"][kind], 3),
            }
            for kind in COUNTED
            if self._nodes[kind]
        }
        cpu = sum(self._cpu[kind] for kind in COUNTED)
        return {
            "dense_gflops": spread([rate / 1e9 for rate in self._rates], 1),
            "cpu_seconds": round(cpu, 2),
            "of_floor": round(cpu / sum(self._floor["plain"].values()), 3),
            "of_strict_floor": round(cpu / sum(self._floor["strict"].values()), 3),
            "kinds": kinds_of_nodes,
            "phases": {
                name: round(value / whole, 4) for name, value in sorted(phases.items(), key=lambda item: -item[1])
            },
        }
