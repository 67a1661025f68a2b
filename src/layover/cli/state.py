"""The state of a sweep on its store, which another process may compute: for `status` and `watch`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from layover.cli.console import duration
from layover.cli.shared import meta_of
from layover.engine.attempts import saved_step
from layover.estimates.cost import Estimate, estimate, to_come
from layover.estimates.eta import seconds_left
from layover.estimates.passes import steps_of
from layover.plan.rounds import waiting, whole
from layover.specs.train import TrainSpec
from layover.steps.artifacts import timed
from layover.steps.beginnings import has_checkpoint
from layover.store.locks import GC, RUN

if TYPE_CHECKING:
    from layover.cli.shared import Planned
    from layover.plan import Plan
    from layover.store.locks import Held


@dataclass(frozen=True)
class RunningNode:
    """A node that a process computes now."""

    key: str
    label: str
    seconds: float
    """Seconds since its start, by the clocks of both machines."""
    step: int | None = None
    """Finished steps of a training in its newest checkpoint; None without a checkpoint of its own."""
    steps: int | None = None
    """Planned steps; None for other nodes, and while they are unknown."""

    @property
    def share(self) -> float:
        """The finished share that the checkpoint shows."""
        return min(1.0, self.step / self.steps) if self.step and self.steps else 0.0

    def __str__(self) -> str:
        checkpoint = f", checkpoint of step {self.step:,}" if self.step is not None else ""
        of = f" of {self.steps:,}" if checkpoint and self.steps is not None else ""
        return f"{self.label} ({duration(self.seconds)}{checkpoint}{of})"


@dataclass(frozen=True)
class SweepState:
    """The state of a sweep at one moment."""

    plan: Plan
    cells: Mapping[str, tuple[int, int]]
    """Target -> finished cells, and all cells."""
    finished: int
    """Finished nodes."""
    running: tuple[RunningNode, ...]
    failures: Mapping[str, Mapping[str, Any]]
    """Key -> failure, of the nodes whose last attempt failed."""
    at_work: Sequence[Held]
    """The runs on this store, and `gc`."""
    left: float | None
    """Seconds of the remaining work; None if unknown."""

    @property
    def sweeps(self) -> int:
        """Number of runs on this store, of this recipe or another."""
        return sum(lock.name == RUN for lock in self.at_work)

    @property
    def complete(self) -> bool:
        """Whether all cells are finished."""
        return all(done == total for done, total in self.cells.values())

    def values(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "sweeps_running": self.sweeps,
            "at_work": [asdict(lock.holder) for lock in self.at_work],
            "cells": {target: list(counts) for target, counts in self.cells.items()},
            "pending": [cell.label for cell in self.plan.pending],
            "nodes": {"finished": self.finished, "all": len(self.plan.nodes)},
            "running": [asdict(node) for node in self.running],
            "seconds_left": self.left,
            "failed": {key: failure["error"] for key, failure in self.failures.items()},
        }

    def count(self) -> str:
        """Return the count of nodes, and the number of runs."""
        runs = f"{self.sweeps or 'no'} {'sweep runs' if self.sweeps < 2 else 'sweeps run'}"
        return f"{self.finished} of {len(self.plan.nodes)} nodes finished; {runs} on this store"

    def time(self) -> str:
        """Return the remaining time; a choice that is not made yet makes it an upper bound."""
        left = "unknown" if self.left is None else duration(self.left)
        return f"{left}{', at most' if self.plan.pending else ''}"

    def waits(self) -> list[str]:
        """Return a line for each group of cells that wait for a choice."""
        return waiting(self.plan)

    def failed(self) -> list[str]:
        """Return a line for each failure."""
        return [f"failed {key[:12]} {failure['node']}: {failure['error']}" for key, failure in self.failures.items()]


def state_of(prepared: Planned, *, shared: bool = False) -> SweepState:
    """Return the state of a sweep; nothing is written, and no lock is taken.

    Args:
        prepared: The plan and the store.
        shared: Whether the remaining work is shared by the processes that run now, and what they have done counts.
            Otherwise it is the work of one process.
    """
    store, plan = prepared.store, prepared.plan
    leases = store.locks.held()  # before the nodes: when no run is left, the nodes are those that it left
    finished = store.finished()
    costs = estimate(whole(plan), meta_of(store, finished))
    running = tuple(_running(prepared, lease, costs) for lease in leases if lease.name in plan.nodes)
    running = tuple(node for node in running if node.key not in finished)
    notes = {key: store.failures.get(key) for key in plan.nodes if key not in finished}
    at_work = {node.key for node in running}
    left = to_come(plan, costs, finished)
    workers = max(1, len(running)) if shared else 1
    begun = {node.key: (node.seconds, node.share) for node in running} if shared else {}
    seconds = seconds_left(whole(plan), costs, left, partial(timed, store), workers, begun) if left else 0.0
    return SweepState(
        plan,
        _cells(plan, finished),
        sum(key in finished for key in plan.nodes),
        running,
        {key: note for key, note in notes.items() if note is not None and key not in at_work},
        [lease for lease in leases if lease.name in {RUN, GC}],
        seconds,
    )


def _cells(plan: Plan, finished: set[str]) -> dict[str, tuple[int, int]]:
    """Return target -> finished cells and all cells."""
    every = [cell.target for cell in plan.cells] + [cell.target for cell in plan.pending]
    done = [cell.target for cell in plan.cells if cell.is_scored(finished)]
    return {target: (done.count(target), every.count(target)) for target in plan.recipe.document.sweep.target}


def _running(prepared: Planned, lease: Held, costs: Mapping[str, Estimate]) -> RunningNode:
    node = prepared.plan.nodes[lease.name]
    seconds = max(0.0, (datetime.now(UTC) - lease.holder.began()).total_seconds())
    if not isinstance(node.spec, TrainSpec):
        return RunningNode(node.key, node.label, seconds)
    work = prepared.store.work(node.key)
    step = saved_step(work) if has_checkpoint(work) else -1
    steps = steps_of(node.spec, lambda data: costs[data].examples)
    return RunningNode(node.key, node.label, seconds, step if step >= 0 else None, steps)
