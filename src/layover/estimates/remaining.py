"""The remaining seconds of a running sweep and the share of its work that is done, from the engine's events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from layover.estimates.cost import Estimate, bound
from layover.estimates.eta import Paces, Took, makespan, node_seconds, work_of
from layover.plan.nodes import Plan
from layover.plan.rounds import whole

TELLING = 0.05
"""Share of a running node after which its own speed tells how long it takes."""
TELLING_SECONDS = 2.0
AGAIN_SECONDS = 1.0
"""An estimate stands this long."""

Costs = Callable[[Plan], Mapping[str, Estimate]]
"""Plan -> the costs of its nodes by what is known now: of tokenized data the sizes are exact."""


@dataclass
class _Running:
    started: float
    resumes: bool = False
    """Whether it resumes from a checkpoint, so that its seconds do not cover the whole node."""
    first: tuple[float, float] | None = None
    """When it first told its progress, and the share of the node that was done then."""
    share: float = 0.0
    """Of the node, by its own progress."""

    def progressed(self, share: float, now: float) -> None:
        """Take in the share that is done now."""
        self.first = self.first or (now, share)
        self.share = share

    def seconds(self, now: float) -> float | None:
        """Return the estimated seconds of the whole node at its own speed; None while the speed is unknown."""
        if self.first is None:
            return None
        at, share = self.first
        if self.resumes:  # what was done before tells nothing of the speed
            grown, since = self.share - share, now - at
        else:
            grown, since = self.share, now - self.started
        return since / grown if grown >= TELLING and since >= TELLING_SECONDS else None


class Remaining:
    """Follows a run.

    Args:
        plan: The plan.
        wanted: Keys of the nodes that are to be run.
        workers: Processes at a time.
        costs: See `Costs`; asked again after data were tokenized.
        known: What nodes took that were finished before.
        clock: Seconds, from any moment.
    """

    def __init__(
        self,
        plan: Plan,
        wanted: Iterable[str],
        workers: int,
        costs: Costs,
        known: Iterable[Took] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workers, self._estimate, self._clock = workers, costs, clock
        self._known, self._ended = list(known), dict[str, float]()
        self._running: dict[str, _Running] = {}
        self._spent = 0.0
        self._told: tuple[float, float | None, float | None] | None = None
        self.follow(plan, wanted)

    def follow(self, plan: Plan, wanted: Iterable[str]) -> None:
        """Go on with a plan that has more nodes; what was measured is kept, and pending cells count at most."""
        self._plan, self._open = whole(plan), dict.fromkeys(wanted)
        self._costs: Mapping[str, Estimate] | None = None
        self._told = None

    def event(self, event: Mapping[str, Any]) -> None:
        """Take in what the engine tells of a node: `start`, `progress`, `again`, `aside` or `end`."""
        key, kind = event["key"], event["event"]
        if kind == "start":
            self._running[key] = _Running(self._clock(), bool(event.get("resumes")))
        elif kind == "progress" and key in self._running and event.get("total"):
            self._running[key].progressed(min(1.0, event["done"] / event["total"]), self._clock())
        elif kind == "end":
            self._end(key, event)
        elif kind == "again":
            self._running.pop(key, None)
        elif kind == "aside":
            self._running.pop(event.get("needed_by", ""), None)

    def again(self, key: str) -> bool:
        """Add a node that was finished and has to be computed again; return whether it was not expected to run."""
        expected = key in self._open
        self._open[key] = None
        return not expected

    def _end(self, key: str, event: Mapping[str, Any]) -> None:
        running = self._running.pop(key, None)
        self._open.pop(key, None)
        if running is not None:
            self._spent += self._clock() - running.started
        if self._told is not None and self._told[1] is None:
            self._told = None  # it may be known now
        if event["state"] == "done" and "seconds" in event and not (running is not None and running.resumes):
            self._ended[key] = event["seconds"]
            if self._plan.nodes[key].kind == "tokenize":
                self._costs = None  # its size is known now
        if not self._open:
            self._told = None

    def seconds(self) -> float | None:
        """Return the seconds until the run ends; None while they are unknown."""
        at, left, _ = self._now()
        return None if left is None else max(0.0, left - (self._clock() - at))

    def share(self) -> float | None:
        """Return the share of the work that is done, from 0 to 1; None while it is unknown."""
        _, _, work = self._now()
        spent = self._spent + sum(self._clock() - one.started for one in self._running.values())
        return None if work is None else spent / (spent + work) if spent + work else 1.0

    def _now(self) -> tuple[float, float | None, float | None]:
        """Return when the estimate was made, the seconds until the end, and the seconds of all nodes together."""
        now = self._clock()
        if self._told is None or now - self._told[0] >= AGAIN_SECONDS:
            self._told = (now, *self._estimated(now))
        return self._told

    def _estimated(self, now: float) -> tuple[float | None, float | None]:
        if not self._open and not self._plan.pending:
            return 0.0, 0.0
        if self._costs is None:
            self._costs = self._estimate(self._plan)
        costs, nodes = self._costs, self._plan.nodes
        to_do = dict.fromkeys((*self._open, *bound(self._plan, costs)))
        took = [Took(nodes[key].kind, work_of(nodes[key], costs[key]), seconds)
                for key, seconds in self._ended.items() if key in nodes]  # fmt: skip
        # what will be the seconds of nodes that run, by their own progress
        own = {key: found for key, one in self._running.items() if (found := one.seconds(now)) is not None}
        took += [Took(nodes[key].kind, work_of(nodes[key], costs[key]), seconds) for key, seconds in own.items()]
        seconds = node_seconds(self._plan, costs, to_do, Paces([*self._known, *took]))
        if seconds is None:
            return None, None
        for key, one in self._running.items():
            if key in seconds:
                left = own[key] * (1 - one.share) if key in own else seconds[key] - (now - one.started)
                seconds[key] = max(0.0, left)
        still = [node for key, node in nodes.items() if key in to_do]
        return makespan(still, seconds, self._workers, self._running), sum(seconds.values())
