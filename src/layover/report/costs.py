"""What the training of a cell took: weights and seconds, read from its files."""

from __future__ import annotations

from dataclasses import dataclass

from layover.plan import Plan
from layover.steps.artifacts import MEASURED, TRAINING
from layover.store import Store

HEAD = "head"


@dataclass(frozen=True)
class TargetCost:
    """Of the training of a target."""

    weights: int
    """That trained on the encoder: module and mixer, without the head."""
    seconds: float | None
    """Of its training, selection included; None when it was stopped in between, for the clock saw the rest only."""
    seconds_before: float | None
    """Of all that it rests on, intermediates and gates, together; None where something was trained elsewhere."""


def cost_of(plan: Plan, store: Store, key: str | None) -> TargetCost | None:
    """Return the cost of a finished training, None where nothing is trained or it is not there."""
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
    """Return how long a training took; None when it is not there, or was stopped and gone on with."""
    if not store.has(key):
        return None
    measured = store.read(key, MEASURED)
    return None if measured["resumed_at"] is not None else sum(measured["seconds"].values())


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
