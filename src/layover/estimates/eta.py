"""The remaining time of a run: the estimated work that is left, at the measured speed.

The seconds of a node are a fixed part and a part that grows with its work: arithmetic if the encoder runs, tokens if
text is encoded. Both are fitted to finished nodes of each kind. A node of unknown size counts as the median of its
kind. Without a finished node, the time is unknown.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from types import MappingProxyType
from typing import Any

from layover.errors import LayoverError
from layover.estimates.cost import ENCODING, Estimate, cost_with
from layover.estimates.loads import on_encoder
from layover.plan.nodes import Node, Plan
from layover.specs import StepSpec

SPAN = 4.0
"""Least ratio of the largest to the smallest node of a kind; below it, the nodes of a kind do not show its growth."""

Done = Callable[[str], Mapping[str, Any]]
"""Key -> `seconds` and `needs` of a finished node; raises a `LayoverError` if it was removed since, or resumed."""


@dataclass(frozen=True)
class Took:
    """The measured time of one node."""

    kind: str
    work: float | None
    """Arithmetic or tokens; None if the size is unknown, and for kinds whose time depends only on the node count."""
    seconds: float


@dataclass(frozen=True)
class Pace:
    """The seconds of a node as a function of its work."""

    fixed: float
    """Fixed seconds of every node."""
    each: float
    """Seconds for one unit of work."""

    def seconds(self, work: float | None) -> float:
        """Return the seconds of a node."""
        return self.fixed + self.each * (work or 0.0)


def work_of(node: Node[StepSpec], cost: Estimate) -> float | None:
    """Return the work that the seconds of a node grow with; None if it is unknown, or if there is none."""
    if node.kind in ENCODING:
        return cost.flops
    return cost.tokens if node.kind == "tokenize" else None


def took(plan: Plan, costs: Mapping[str, Estimate], finished: Iterable[str], done_of: Done) -> list[Took]:
    """Return the measured times of the finished nodes of a plan, each with the work that it had then."""
    times = []
    for key in finished:
        try:
            done = done_of(key)
        except LayoverError:
            continue  # gc removed it since, or its seconds do not cover the whole node
        node, cost = plan.nodes[key], costs[key]
        kept = set(done["needs"]) - set(node.needs)
        if kept and cost.flops and node.kind in ENCODING:  # it read hidden states, which may have been removed since
            on = on_encoder(node.spec, plan.nodes)
            layer = on.changed_from(on.encoder.shape.layers) if on is not None and on.encoder.shape is not None else 0
            cost = cost_with(plan, node, costs, dict.fromkeys(node.needs, layer))
        times.append(Took(node.kind, work_of(node, cost), float(done["seconds"])))
    return times


class Paces:
    """The pace of each kind of node.

    Args:
        took: Measured times of finished nodes, and expected times of running nodes.
    """

    def __init__(self, took: Iterable[Took]) -> None:
        self._took: dict[str, list[Took]] = {}
        for node in took:
            self._took.setdefault(node.kind, []).append(node)
        encoding = [node for kind in sorted(ENCODING) for node in self._took.get(kind, [])]
        self._pooled = _fitted([(node.work, node.seconds) for node in encoding if node.work], None)
        self._paces: dict[str, Pace | None] = {}

    def of(self, kind: str) -> Pace | None:
        """Return the pace of a kind; None if it is unknown.

        A kind that runs the encoder has the pace of all such kinds together until one of its own nodes is finished. A
        kind that neither runs it nor encodes text counts as 0 seconds until one of its nodes is finished.
        """
        if kind not in self._paces:
            self._paces[kind] = self._pace(kind)
        return self._paces[kind]

    def _pace(self, kind: str) -> Pace | None:
        pooled = self._pooled if kind in ENCODING else None
        nodes = self._took.get(kind, [])
        if kind not in {*ENCODING, "tokenize"}:
            return Pace(fmean(node.seconds for node in nodes) if nodes else 0.0, 0.0)
        sized = [(node.work, node.seconds) for node in nodes if node.work]
        if not sized:
            seconds = [node.seconds for node in nodes]
            return Pace(fmean(seconds), 0.0) if seconds else pooled
        return _fitted(sized, None if pooled is None else pooled.each)


def _fitted(points: Sequence[tuple[float, float]], usual: float | None) -> Pace | None:
    """Return the line through (work, seconds) that fits best, without a negative part; None without points.

    Args:
        points: (work, seconds) of nodes; work is positive.
        usual: Seconds for one unit of work of other kinds, used if the points are too close to each other.
    """
    if not points:
        return None
    work, seconds = [point[0] for point in points], [point[1] for point in points]
    through_zero = sum(seconds) / sum(work)
    if max(work) < SPAN * min(work):
        each = through_zero if usual is None else min(usual, through_zero)
        return Pace(max(0.0, fmean(seconds) - each * fmean(work)), each)
    middle, height = fmean(work), fmean(seconds)
    spread = sum((x - middle) ** 2 for x in work)
    each = sum((x - middle) * (y - height) for x, y in points) / spread
    fixed = height - each * middle
    if fixed < 0 or each <= 0:
        return Pace(0.0, through_zero)
    return Pace(fixed, each)


def node_seconds(
    plan: Plan, costs: Mapping[str, Estimate], keys: Iterable[str], paces: Paces
) -> dict[str, float] | None:
    """Return the estimated seconds of each node; None if the speed of one is unknown.

    A node of unknown work counts as the median of the nodes of its kind with known work.
    """
    usual: dict[str, float | None] = {}
    estimated = {}
    for key in keys:
        node = plan.nodes[key]
        pace, work = paces.of(node.kind), work_of(node, costs[key])
        if pace is None:
            return None
        if work is None and node.kind not in usual:
            same = (work_of(other, costs[other.key]) for other in plan.nodes.values() if other.kind == node.kind)
            known = [size for size in same if size is not None]
            usual[node.kind] = median(known) if known else None
        if work is None and usual[node.kind] is None and pace.each:
            return None
        estimated[key] = pace.seconds(usual.get(node.kind) if work is None else work)
    return estimated


def makespan(
    nodes: Iterable[Node[StepSpec]], seconds: Mapping[str, float], workers: int, begun: Collection[str] = ()
) -> float:
    """Return the seconds that some workers need for nodes; they take the jobs in the order of the nodes.

    Args:
        nodes: Unfinished nodes, each after the nodes it needs.
        seconds: Key of each -> its remaining seconds.
        workers: Number of processes.
        begun: Keys of the nodes that already run; their jobs come first.
    """
    jobs: dict[str, list[Node[StepSpec]]] = {}
    for node in nodes:
        jobs.setdefault(node.job, []).append(node)
    job_of = {node.key: name for name, members in jobs.items() for node in members}
    needs = {name: {job_of[need] for node in members for need in node.needs if need in job_of} - {name}
             for name, members in jobs.items()}  # fmt: skip
    length = {name: sum(seconds[node.key] for node in members) for name, members in jobs.items()}
    first = [name for name, members in jobs.items() if any(node.key in begun for node in members)]
    order = {name: place for place, name in enumerate(dict.fromkeys((*first, *jobs)))}
    waiting: dict[str, list[str]] = {}
    for name, needed in needs.items():
        for other in needed:
            waiting.setdefault(other, []).append(name)
    open_needs = {name: len(needed) for name, needed in needs.items()}
    ready = [(order[name], name) for name, count in open_needs.items() if not count]
    heapq.heapify(ready)
    running: list[tuple[float, int, str]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < workers:
            place, name = heapq.heappop(ready)
            heapq.heappush(running, (now + length[name], place, name))
        now, _, name = heapq.heappop(running)
        for other in waiting.get(name, ()):
            open_needs[other] -= 1
            if not open_needs[other]:
                heapq.heappush(ready, (order[other], other))
    return now


def seconds_left(
    plan: Plan,
    costs: Mapping[str, Estimate],
    wanted: Sequence[Node[StepSpec]],
    done_of: Done,
    workers: int = 1,
    begun: Mapping[str, tuple[float, float]] = MappingProxyType({}),
) -> float | None:
    """Return the estimated seconds of the remaining work; None while the speed is unknown.

    Args:
        plan: The plan.
        costs: Costs of its nodes.
        wanted: The nodes that have to run, and the nodes that a choice may add (`layover.plan.rounds`).
        done_of: Returns the seconds and the needs of a finished node (`Done`).
        workers: Processes at a time.
        begun: Key of a running node -> seconds since its start, and its finished share.
    """
    keys = [node.key for node in wanted]
    finished = set(plan.nodes).difference(keys)
    seconds = node_seconds(plan, costs, keys, Paces(took(plan, costs, finished, done_of)))
    if seconds is None:
        return None
    for key, (elapsed, share) in begun.items():
        if key in seconds:
            seconds[key] = max(0.0, min(seconds[key] - elapsed, seconds[key] * (1 - share)))
    return makespan(wanted, seconds, workers, begun)
