"""The remaining seconds of a running sweep and the finished share of its work, from the engine's events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from layover.estimates.cost import Estimate, bound
from layover.estimates.eta import Paces, Took, makespan, node_seconds, work_of
from layover.plan.nodes import Plan
from layover.plan.rounds import whole

LEAST_SHARE = 0.05
"""Share of a running node after which its own speed predicts its time."""
LEAST_SECONDS = 2.0
"""Seconds of a running node after which its own speed predicts its time."""
AGAIN_SECONDS = 1.0
"""An estimate is used for this many seconds at least."""
AGAIN_TIMES = 50.0
"""An estimate is used for this many times the seconds that it took at least: those of a large plan take seconds."""

Costs = Callable[[Plan], Mapping[str, Estimate]]
"""Plan -> the current costs of its nodes; the sizes of tokenized data are exact."""


@dataclass
class _Running:
    started: float
    resumes: bool = False
    """Whether it resumes from a checkpoint, so that its seconds do not cover the whole node."""
    first: tuple[float, float] | None = None
    """Time of its first progress event, and the finished share of the node at that time."""
    share: float = 0.0
    """Finished share of the node, from its last progress event."""

    def progressed(self, share: float, now: float) -> None:
        """Record the share that is finished now."""
        self.first = self.first or (now, share)
        self.share = share

    def seconds(self, now: float) -> float | None:
        """Return the estimated seconds of the whole node at its own speed; None while the speed is unknown."""
        if self.first is None:
            return None
        at, share = self.first
        if self.resumes:  # earlier progress says nothing about the current speed
            grown, since = self.share - share, now - at
        else:
            grown, since = self.share, now - self.started
        return since / grown if grown >= LEAST_SHARE and since >= LEAST_SECONDS else None


class Remaining:
    """Estimates the remaining time of a run.

    Args:
        plan: The plan.
        wanted: Keys of the nodes that have to run.
        workers: Processes at a time.
        costs: Returns the costs of a plan; called again after data were tokenized.
        known: Times of nodes that were finished before.
        clock: Monotonic seconds.
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
        self._last: tuple[float, float | None, float | None] | None = None
        self._pause = 0.0
        """Least seconds from the last estimate to the next one, so that estimates take a small part of the time."""
        self.follow(plan, wanted)

    def follow(self, plan: Plan, wanted: Iterable[str]) -> None:
        """Continue with a plan that has more nodes; keep the measured times; pending cells count with their bound."""
        self._plan, self._open = whole(plan), dict.fromkeys(wanted)
        self._costs: Mapping[str, Estimate] | None = None
        self._last = None

    def event(self, event: Mapping[str, Any]) -> None:
        """Record an event of the engine about a node: `start`, `progress`, `again`, `aside` or `end`."""
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
        """Add a finished node that has to run again; return whether it was not expected to run."""
        expected = key in self._open
        self._open[key] = None
        return not expected

    def _end(self, key: str, event: Mapping[str, Any]) -> None:
        running = self._running.pop(key, None)
        self._open.pop(key, None)
        if running is not None:
            self._spent += self._clock() - running.started
        if self._last is not None and self._last[1] is None and self._clock() - self._last[0] >= self._pause:
            self._last = None  # it may be known now
        if event["state"] == "done" and "seconds" in event and not (running is not None and running.resumes):
            self._ended[key] = event["seconds"]
            if self._plan.nodes[key].kind == "tokenize":
                self._costs = None  # its size is known now
        if not self._open:
            self._last = None

    def seconds(self) -> float | None:
        """Return the seconds until the run ends; None while they are unknown."""
        at, left, _ = self._now()
        return None if left is None else max(0.0, left - (self._clock() - at))

    def share(self) -> float | None:
        """Return the share of the work that is done, from 0 to 1; None while it is unknown."""
        _, _, work = self._now()
        spent = self._spent + sum(self._clock() - running.started for running in self._running.values())
        return None if work is None else spent / (spent + work) if spent + work else 1.0

    def _now(self) -> tuple[float, float | None, float | None]:
        """Return the time of the estimate, the seconds until the end, and the seconds of all nodes together."""
        now = self._clock()
        if self._last is None or now - self._last[0] >= max(AGAIN_SECONDS, self._pause):
            self._last = (now, *self._estimated(now))
            self._pause = AGAIN_TIMES * (self._clock() - now)
        return self._last

    def _estimated(self, now: float) -> tuple[float | None, float | None]:
        if not self._open and not self._plan.pending:
            return 0.0, 0.0
        if self._costs is None:
            self._costs = self._estimate(self._plan)
        costs, nodes = self._costs, self._plan.nodes
        to_do = dict.fromkeys((*self._open, *bound(self._plan, costs)))
        took = [Took(nodes[key].kind, work_of(nodes[key], costs[key]), seconds)
                for key, seconds in self._ended.items() if key in nodes]  # fmt: skip
        # the expected seconds of running nodes, from their own progress
        own = {key: total for key, running in self._running.items() if (total := running.seconds(now)) is not None}
        took += [Took(nodes[key].kind, work_of(nodes[key], costs[key]), seconds) for key, seconds in own.items()]
        seconds = node_seconds(self._plan, costs, to_do, Paces([*self._known, *took]))
        if seconds is None:
            return None, None
        for key, running in self._running.items():
            if key in seconds:
                left = own[key] * (1 - running.share) if key in own else seconds[key] - (now - running.started)
                seconds[key] = max(0.0, left)
        left_nodes = [node for key, node in nodes.items() if key in to_do]
        return makespan(left_nodes, seconds, self._workers, self._running), sum(seconds.values())
