"""Finished trainings of mixtures: what each task gave, and how each did on its development data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from layover.plan import Node, Plan
from layover.plan.nodes import of
from layover.specs.train import MEAN, TrainSpec
from layover.steps.artifacts import TRAINING
from layover.store import Store


@dataclass(frozen=True)
class Point:
    """One metric of one evaluation."""

    step: int
    task: str
    """Empty for the mean over the tasks."""
    metric: str
    value: float | None
    """None where it was undefined for the predictions of those weights."""


@dataclass(frozen=True)
class Contribution:
    """One task of a mixture, until the weights that were kept."""

    task: str
    examples: int
    """Training units, each counted as often as it came."""
    steps: int
    metric: str | None
    """The one that takes part in the selection, None where nothing selects."""
    score: float | None
    """Of the weights that were kept."""


@dataclass(frozen=True)
class LearnedMixture:
    """A finished training of a mixture."""

    key: str
    name: str
    seed: int
    tasks: tuple[Contribution, ...]
    mean: float | None
    """Of the tasks' scores, by which the weights were selected."""
    points: tuple[Point, ...]
    """Every evaluation."""


def mixtures_below(plan: Plan, store: Store, key: str | None) -> tuple[LearnedMixture, ...]:
    """Return the finished mixtures that a training, or what was composed without one, rests on."""
    below = {} if key is None else {node_key: plan.nodes[node_key] for node_key in _below(plan, key)}
    mixtures = [node for node in of(below, TrainSpec) if node.spec.numbered and node.spec.gates is None]
    return tuple(_read(plan, node, store) for node in mixtures if store.has(node.key))


def _below(plan: Plan, key: str) -> Iterator[str]:
    """Yield a key and those of all that it needs, from the top down."""
    yield key
    for need in plan.nodes[key].needs:
        yield from _below(plan, need)


def _read(plan: Plan, node: Node[TrainSpec], store: Store) -> LearnedMixture:
    spec, training = node.spec, store.read(node.key, TRAINING)
    # the plan that trained it may have had other names for the same tasks, which lie in the same order
    stored = [entry["name"] for entry in training["tasks"]]
    names = {old: task.name for old, task in zip(stored, spec.tasks, strict=True)}
    points = tuple(_points(training["history"], names))
    best = training["best_step"]
    kept = {(point.task, point.metric): point.value for point in points if point.step == best}
    tasks = []
    for task, given in zip(spec.tasks, training["tasks"], strict=True):
        metric = task.selection.metric if task.selection is not None else None
        score = kept.get((task.name, metric)) if metric is not None else None
        tasks.append(Contribution(task.name, given["examples"], given["steps"], metric, score))
    tasks.sort(key=lambda contribution: plan.recipe.members(spec.name).index(contribution.task))
    return LearnedMixture(node.key, spec.name, spec.hyperparameters.seed, tuple(tasks), kept.get(("", MEAN)), points)


def _points(history: list[dict[str, Any]], names: Mapping[str, str]) -> Iterator[Point]:
    for evaluation in history:
        for key, value in evaluation["metrics"].items():
            task, _, metric = key.rpartition("/")
            yield Point(evaluation["step"], names[task] if task else "", metric, value)
