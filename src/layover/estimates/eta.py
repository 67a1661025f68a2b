"""How long the rest of a run takes: the estimated work that is left, at the speed that was measured.

The seconds of a node are a fixed part, and a part that grows with its work: arithmetic where the encoder runs, tokens
where text is encoded. Both are fitted to finished nodes, kind by kind. A node whose size is not known yet counts as the
median of its kind. Without a finished node, the time is unknown.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from layover.errors import LayoverError
from layover.estimates.cost import ENCODING, Estimate, cost_with
from layover.estimates.loads import on_encoder
from layover.plan.nodes import Node, Plan
from layover.specs import StepSpec

SPAN = 4.0
"""Between the smallest and the largest node of a kind, so that its own nodes tell how its seconds grow."""

Done = Callable[[str], Mapping[str, Any]]
"""Key -> `seconds` and `needs` of a finished node; a `LayoverError` where it was removed since, or was resumed."""


@dataclass(frozen=True)
class Took:
    """What one node took."""

    kind: str
    work: float | None
    """Arithmetic or tokens; None where the size is not known, and where the number of nodes is all that counts."""
    seconds: float


@dataclass(frozen=True)
class Pace:
    """How the seconds of a node follow from its work."""

    fixed: float
    """Of every node, in seconds."""
    each: float
    """Seconds for one unit of work."""

    def seconds(self, work: float | None) -> float:
        """Return what a node takes."""
        return self.fixed + self.each * (work or 0.0)


def work_of(node: Node[StepSpec], cost: Estimate) -> float | None:
    """Return what the seconds of a node grow with; None where that is not known, or nothing is."""
    if node.kind in ENCODING:
        return cost.flops
    return cost.tokens if node.kind == "tokenize" else None


def took(plan: Plan, costs: Mapping[str, Estimate], finished: Iterable[str], done_of: Done) -> list[Took]:
    """Return what the finished nodes of a plan took, each with the work that it had then."""
    found = []
    for key in finished:
        try:
            done = done_of(key)
        except LayoverError:
            continue  # removed by gc since, or its seconds are not those of the whole node
        node, cost = plan.nodes[key], costs[key]
        kept = set(done["needs"]) - set(node.needs)
        if kept and cost.flops and node.kind in ENCODING:  # it read hidden states, which may be gone since
            on = on_encoder(node.spec, plan.nodes)
            layer = on.changed_from(on.encoder.shape.layers) if on is not None and on.encoder.shape is not None else 0
            cost = cost_with(plan, node, costs, dict.fromkeys(node.needs, layer))
        found.append(Took(node.kind, work_of(node, cost), float(done["seconds"])))
    return found


class Paces:
    """The pace of each kind of node.

    Args:
        took: What finished nodes took, and running ones will take.
    """

    def __init__(self, took: Iterable[Took]) -> None:
        self._took: dict[str, list[Took]] = {}
        for one in took:
            self._took.setdefault(one.kind, []).append(one)
        encoding = [one for kind in sorted(ENCODING) for one in self._took.get(kind, [])]
        self._pooled = _fitted([(one.work, one.seconds) for one in encoding if one.work], None)
        self._found: dict[str, Pace | None] = {}

    def of(self, kind: str) -> Pace | None:
        """Return the pace of a kind; None if it is unknown.

        A kind that runs the encoder goes by the others that do while none of its own nodes is finished. A kind that
        neither runs it nor encodes text takes no time until one of its nodes has told more.
        """
        if kind not in self._found:
            self._found[kind] = self._pace(kind)
        return self._found[kind]

    def _pace(self, kind: str) -> Pace | None:
        pooled = self._pooled if kind in ENCODING else None
        there = self._took.get(kind, [])
        if kind not in {*ENCODING, "tokenize"}:
            return Pace(fmean(one.seconds for one in there) if there else 0.0, 0.0)
        sized = [(one.work, one.seconds) for one in there if one.work]
        if not sized:
            seconds = [one.seconds for one in there]
            return Pace(fmean(seconds), 0.0) if seconds else pooled
        return _fitted(sized, None if pooled is None else pooled.each)


def _fitted(points: Sequence[tuple[float, float]], usual: float | None) -> Pace | None:
    """Return the line through (work, seconds) that fits best, neither part of it negative; None without points.

    Args:
        points: Of nodes; work is positive.
        usual: Seconds for one unit of work of other kinds, for points that are too close to each other to tell.
    """
    if not points:
        return None
    work, seconds = [point[0] for point in points], [point[1] for point in points]
    through_zero = sum(seconds) / sum(work)
    if max(work) < SPAN * min(work):
        each = through_zero if usual is None else min(usual, through_zero)
        return Pace(max(0.0, fmean(seconds) - each * fmean(work)), each)
    middle, height = fmean(work), fmean(seconds)
    spread = sum((one - middle) ** 2 for one in work)
    each = sum((one - middle) * (other - height) for one, other in points) / spread
    fixed = height - each * middle
    if fixed < 0 or each <= 0:
        return Pace(0.0, through_zero)
    return Pace(fixed, each)


def node_seconds(
    plan: Plan, costs: Mapping[str, Estimate], keys: Iterable[str], paces: Paces
) -> dict[str, float] | None:
    """Return the estimated seconds of each node; None if the speed of one is unknown.

    A node whose work is not known counts as the median of those of its kind whose work is.
    """
    usual: dict[str, float | None] = {}
    found = {}
    for key in keys:
        node = plan.nodes[key]
        pace, work = paces.of(node.kind), work_of(node, costs[key])
        if pace is None:
            return None
        if work is None and node.kind not in usual:
            same = (work_of(one, costs[other]) for other, one in plan.nodes.items() if one.kind == node.kind)
            known = [one for one in same if one is not None]
            usual[node.kind] = median(known) if known else None
        if work is None and usual[node.kind] is None and pace.each:
            return None
        found[key] = pace.seconds(usual.get(node.kind) if work is None else work)
    return found


def makespan(
    nodes: Iterable[Node[StepSpec]], seconds: Mapping[str, float], workers: int, begun: Collection[str] = ()
) -> float:
    """Return how long some workers take for nodes, handed out job by job in their order.

    Args:
        nodes: That are not finished, each after those it needs.
        seconds: Key of each -> what is left of it.
        workers: Processes.
        begun: Keys of those that run already; their jobs come first.
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
) -> float | None:
    """Return the estimated seconds of the remaining work; None while the speed is unknown.

    Args:
        plan: The plan.
        costs: Of its nodes.
        wanted: The nodes that have to run, and those that a choice may add, see `layover.plan.rounds`.
        done_of: See `Done`.
        workers: Processes at a time.
    """
    keys = [node.key for node in wanted]
    there = set(plan.nodes).difference(keys)
    seconds = node_seconds(plan, costs, keys, Paces(took(plan, costs, there, done_of)))
    return None if seconds is None else makespan(wanted, seconds, workers)
