"""The cost of the training of a cell: weights and seconds, read from its files."""

from __future__ import annotations

from dataclasses import dataclass

from layover.plan import Plan
from layover.steps.artifacts import MEASURED, TRAINING
from layover.store import Store

HEAD = "head"


@dataclass(frozen=True)
class TargetCost:
    """The cost of the training of a target."""

    weights: int
    """Number of trained weights on the encoder: module and mixer, without the head."""
    seconds: float | None
    """Seconds of the training, including selection; None if it was resumed, because only the last part was measured."""
    seconds_before: float | None
    """Seconds of all trainings that it needs (intermediates and gates); None if a part was trained elsewhere."""


def cost_of(plan: Plan, store: Store, key: str | None) -> TargetCost | None:
    """Return the cost of a finished training; None if nothing is trained, or the training is not finished."""
    if key is None or plan.nodes[key].kind != "train" or not store.has(key):
        return None
    needed = {need: plan.nodes[need].kind for need in plan.nodes[key].needs}
    before = [seconds_of(store, need) for need, kind in needed.items() if kind in ("train", "gate")]
    before += [None for kind in needed.values() if kind == "import"]
    trained = store.read(key, TRAINING)["parameters"]
    return TargetCost(
        weights=sum(count for name, count in trained.items() if not name.startswith(HEAD)),
        seconds=seconds_of(store, key),
        seconds_before=_sum(before),
    )


def seconds_of(store: Store, key: str) -> float | None:
    """Return the seconds of a training; None if it is not finished, or was stopped and resumed."""
    if not store.has(key):
        return None
    measured = store.read(key, MEASURED)
    return None if measured["resumed_at"] is not None else sum(measured["seconds"].values())


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
