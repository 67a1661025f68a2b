"""Finished trainings of mixtures: the contribution of each task, and its scores on development data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from layover.plan import Node, Plan
from layover.plan.nodes import of
from layover.report.curves import below
from layover.specs.train import MEAN, TrainSpec
from layover.steps.artifacts import TRAINING
from layover.store import Store


@dataclass(frozen=True)
class Point:
    """One metric of one evaluation."""

    step: int
    task: str
    """The name of the task; empty for the mean over tasks."""
    metric: str
    value: float | None
    """None if the metric was undefined for the predictions."""


@dataclass(frozen=True)
class Contribution:
    """The contribution of one task of a mixture, up to the selected weights."""

    task: str
    examples: int
    """Number of training units, including repetitions."""
    steps: int
    metric: str | None
    """The metric for the selection of weights; None without selection."""
    score: float | None
    """The score of the selected weights."""


@dataclass(frozen=True)
class LearnedMixture:
    """A finished training of a mixture."""

    key: str
    name: str
    seed: int
    tasks: tuple[Contribution, ...]
    mean: float | None
    """The mean over the scores of the tasks, which selected the weights."""
    points: tuple[Point, ...]
    """All evaluations."""


def mixtures_below(plan: Plan, store: Store, key: str | None) -> tuple[LearnedMixture, ...]:
    """Return the finished mixtures that a training needs, or that a composition without training needs."""
    nodes = {} if key is None else {node_key: plan.nodes[node_key] for node_key in below(plan, key)}
    mixtures = [node for node in of(nodes, TrainSpec) if node.spec.numbered and node.spec.gates is None]
    return tuple(_read(plan, node, store) for node in mixtures if store.has(node.key))


def _read(plan: Plan, node: Node[TrainSpec], store: Store) -> LearnedMixture:
    spec, training = node.spec, store.read(node.key, TRAINING)
    # an earlier plan may have other names for the same tasks; the order is the same
    stored = [entry["name"] for entry in training["tasks"]]
    names = {old: task.name for old, task in zip(stored, spec.tasks, strict=True)}
    points = tuple(_points(training["history"], names))
    best = training["best_step"]
    kept = {(point.task, point.metric): point.value for point in points if point.step == best}
    if "average" in training:
        averaged = {"step": 0, "metrics": training["average"]["metrics"]}
        kept = {(point.task, point.metric): point.value for point in _points([averaged], names)}
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
