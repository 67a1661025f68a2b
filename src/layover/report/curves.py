"""Learning curves: the loss and the development score at each evaluation of a training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from layover.plan import Node, Plan
from layover.plan.nodes import of
from layover.specs.train import TrainSpec
from layover.steps.artifacts import TRAINING
from layover.store import Store

T = TypeVar("T")

MOST_POINTS = 40
"""Number of evaluations that are drawn of a training; of more, some are left out."""


@dataclass(frozen=True)
class CurvePoint:
    """One evaluation of a training."""

    epoch: float
    loss: float | None
    """The mean training loss since the evaluation before; None if it is unknown."""
    score: float | None
    """The development score that selects weights; None without one."""


@dataclass(frozen=True)
class TrainingCurve:
    """The evaluations of a finished training."""

    key: str
    label: str
    points: tuple[CurvePoint, ...]


def curves_below(plan: Plan, store: Store, key: str | None) -> tuple[TrainingCurve, ...]:
    """Return the curves of a training and of all trainings that it needs; trainings without evaluations have none."""
    nodes = {} if key is None else {name: plan.nodes[name] for name in below(plan, key)}
    curves = (_read(node, store) for node in of(nodes, TrainSpec) if store.has(node.key))
    return tuple(curve for curve in curves if curve.points)


def below(plan: Plan, key: str) -> Iterator[str]:
    """Yield a key and the keys of all nodes that it needs, from the top down."""
    yield key
    for need in plan.nodes[key].needs:
        yield from below(plan, need)


def _read(node: Node[TrainSpec], store: Store) -> TrainingCurve:
    training = store.read(node.key, TRAINING)
    criterion = training["criterion"]
    points = (
        CurvePoint(entry["epoch"], entry["loss"], entry["metrics"].get(criterion)) for entry in training["history"]
    )
    return TrainingCurve(node.key, node.label, tuple(points))


def thinned(points: Sequence[T]) -> list[T]:
    """Return at most `MOST_POINTS` of the points of a curve, evenly spaced, the last one included."""
    every = -(-len(points) // MOST_POINTS) if points else 1
    return list(points[::-every][::-1])
