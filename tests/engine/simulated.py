"""Sweeps without processes: random plans, and workers that finish, fail, wait, lose nodes and are killed at random.

`Simulation` runs the real engine. Only the workers, the store, the clock and the pipes are pretended. One seed decides
all of them, so that two engines which decide alike leave equal traces.
"""

from __future__ import annotations

import signal
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from layover.engine import local
from layover.engine.local import LocalEngine
from layover.engine.processes import Worker
from layover.execution import Execution
from layover.plan import Node, Plan

MOST_ROUNDS = 100_000
ENCODERS = (("small", None), ("large", None), ("large", "main"))


@dataclass(frozen=True)
class Spec:
    """A specification that is only a key and an encoder."""

    key: str
    encoder: tuple[str, str | None] | None = None
    resumable: bool = True
    kind_of_node: str = "train"

    def read_encoder(self) -> Any:
        """Return the encoder."""
        return None if self.encoder is None else SimpleNamespace(source=self.encoder[0], revision=self.encoder[1])


def node(key: str, *needs: str, job: str = "", encoder: tuple[str, str | None] | None = None) -> Node[Any]:
    """Return a node."""
    return Node(Spec(key, encoder), needs, key, job or key)  # type: ignore[type-var]


def plan_of(*nodes: Node[Any]) -> Plan:
    """Return a plan whose cells need all nodes."""
    cells: Any = tuple(SimpleNamespace(score=node.key, scores=lambda key=node.key: (key,)) for node in nodes)
    return Plan(None, {node.key: node for node in nodes}, cells, ())  # type: ignore[arg-type]


def random_plan(random: Random, size: int) -> Plan:
    """Return a plan whose jobs have one node or several; their nodes stand between the nodes of other jobs."""
    jobs: list[list[Node[Any]]] = []
    by_key: dict[str, Node[Any]] = {}
    for number in range(size):
        if not jobs or random.random() < 0.6:
            jobs.append([])
        before = [node.key for job in jobs[:-1] for node in job]
        own = [node.key for node in jobs[-1]]
        needs = random.sample(before, min(len(before), random.choice((0, 1, 1, 2, 3, 6))))
        needs += random.sample(own, min(len(own), random.choice((0, 0, 1, 2))))
        encoder = random.choice((None, *ENCODERS))
        made = node(f"{random.getrandbits(32):08x}{number}", *needs, job=f"job {len(jobs)}", encoder=encoder)
        jobs[-1].append(made)
        by_key[made.key] = made
    open_nodes, nodes = list(by_key.values()), dict[str, Node[Any]]()
    while open_nodes:  # an order in which each node comes after the nodes it needs
        chosen = random.choice([node for node in open_nodes if nodes.keys() >= set(node.needs)])
        open_nodes.remove(chosen)
        nodes[chosen.key] = chosen
    return plan_of(*nodes.values())


@dataclass(frozen=True)
class Chances:
    """Probabilities of what happens to a node."""

    failed: float = 0.0
    busy: float = 0.0
    doubted: float = 0.0
    lost: float = 0.0
    killed: float = 0.0
    shared: float = 0.1
    worn: float = 0.1
    """Of a worker that ends after a job."""


class Pipe:
    """The parent's end of a worker, and the worker behind it."""

    def __init__(self, simulation: Simulation, number: int) -> None:
        self.simulation, self.number = simulation, number
        self.messages: Iterator[dict[str, Any]] = iter(())
        self.exitcode: int | None = None
        self.pid: int | None = None
        self.speaks = False
        self.closed = False

    def send(self, order: Any) -> None:
        """Take a job."""
        assert not self.closed
        assert not self.speaks, "it has a job"
        self.simulation.trace.append(("hand", self.number, tuple(node.key for node in order.nodes)))
        self.messages, self.speaks = self.simulation.worked(self, order.nodes), True

    def recv(self) -> dict[str, Any]:
        """Return the next message."""
        message = next(self.messages, None)
        if message is None:
            raise EOFError
        self.speaks = message["event"] != "free"
        return message

    def close(self) -> None:
        """Close it."""
        self.closed = True

    def join(self, timeout: float | None = None) -> None:
        """Return at once."""


class Simulation:
    """A store, workers and a clock; one seed decides what happens.

    Args:
        plan: The plan.
        seed: The seed.
        chances: Probabilities.
        stored: Keys of the nodes that are finished.
    """

    def __init__(self, plan: Plan, seed: int, chances: Chances, stored: Collection[str] = ()) -> None:
        self.plan, self.random, self.chances = plan, Random(seed), chances  # noqa: S311
        self.stored, self.trace, self.now, self.rounds = set(stored), list[Any](), 100.0, 0
        self.tries: dict[str, int] = {}
        self.root = Path("/nonexistent/store")
        self.failures = SimpleNamespace(add=lambda key, *_: self.trace.append(("note", key)))

    def engine(self, workers: int, monkeypatch: pytest.MonkeyPatch) -> LocalEngine:
        """Return an engine whose workers, pipes and clock are pretended."""
        engine = LocalEngine(self, Execution(device="cpu"), workers, 1, self.report)  # type: ignore[arg-type]
        monkeypatch.setattr(engine, "_begin", lambda: self.begin(engine))
        monkeypatch.setattr(local, "wait", self.wait)
        monkeypatch.setattr(local, "time", SimpleNamespace(monotonic=lambda: self.now, sleep=self.sleep))
        monkeypatch.setattr(local, "paths_of", lambda _: ())
        monkeypatch.setattr(local, "strip_folders", lambda file: self.trace.append(("log", file.name)))
        return engine

    def report(self, event: Mapping[str, Any]) -> None:
        """Record an event of the engine."""
        self.trace.append(dict(event))

    def ends(self, trace: list[Any] | None = None) -> list[dict[str, Any]]:
        """Return the ends of nodes among the events of a trace, of the whole one by default."""
        entries = self.trace if trace is None else trace
        return [entry for entry in entries if isinstance(entry, dict) and entry["event"] == "end"]

    def finished(self) -> set[str]:
        """Return the keys of the stored nodes."""
        return set(self.stored)

    def has(self, key: str) -> bool:
        """Return whether a node is stored."""
        return key in self.stored

    def work(self, key: str) -> Path:
        """Return the folder of the checkpoints of a node, which is absent."""
        return self.root / "work" / key

    def begin(self, engine: LocalEngine) -> Worker:
        """Start a worker."""
        pipe = Pipe(self, sum(entry == "begin" for entry in self.trace))
        self.trace.append("begin")
        worker = Worker(pipe, pipe)  # type: ignore[arg-type]
        engine._workers.append(worker)
        return worker

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.rounds += 1
        assert self.rounds < MOST_ROUNDS, "the engine waits for ever"
        self.now += seconds

    def wait(self, pipes: list[Pipe], timeout: float) -> list[Pipe]:
        """Let time pass; return some pipes that have a message."""
        self.sleep(timeout * self.random.random())
        speaking = [pipe for pipe in pipes if pipe.speaks]
        return self.random.sample(speaking, self.random.randint(0, len(speaking)))

    def worked(self, pipe: Pipe, nodes: tuple[Node[Any], ...]) -> Iterator[dict[str, Any]]:
        """Yield the messages of a worker about its job, as `layover.engine.worker` sends them."""
        skipped: set[str] = set()
        for each in nodes:
            if skipped.intersection(each.needs):
                skipped.add(each.key)
                continue
            assert self.stored.issuperset(each.needs) or self.chances.lost, f"{each.key} starts before its needs"
            state = yield from self._tried(pipe, each)
            if state in {"busy", "lost"}:
                skipped.add(each.key)
            if state in {"failed", "killed"}:
                return
        if self.random.random() < self.chances.worn:
            pipe.exitcode = 0
            return
        yield {"event": "free"}

    def _tried(self, pipe: Pipe, each: Node[Any]) -> Iterator[dict[str, Any]]:
        key, end = each.key, {"event": "end", "key": each.key}
        self.tries[key] = self.tries.get(key, 0) + 1
        state = self._state(each)
        if state == "busy":
            yield {**end, "state": "busy", "by": self.random.choice(("another", "a third"))}
            return state
        if state == "shared":
            self.stored.add(key)
            yield {**end, "state": "done", "shared": True}
            return state
        yield {"event": "start", "key": key}
        if self.random.random() < 0.3:
            yield {"event": "progress", "key": key, "done": 1, "total": 2}
        if state == "killed":
            pipe.exitcode = -signal.SIGKILL
        elif state == "failed":
            pipe.exitcode = 0
            yield {**end, "state": "failed", "error": "an error"}
        elif state == "doubted":
            yield {**end, "state": "busy", "by": "", "error": "perhaps not its own"}
            return "busy"
        elif state == "lost":
            need = self._damaged(each)
            yield {**end, "state": "lost", "need": need, "reason": "it is damaged", "error": "a need is damaged"}
        else:
            self.stored.add(key)
            yield {**end, "state": "done", "seconds": 1.0}
        return state

    def _state(self, each: Node[Any]) -> str:
        if not self.stored.issuperset(each.needs):
            return "lost"
        chances = vars(self.chances)
        states = ("failed", "busy", "doubted", "lost", "killed", "shared")
        rest = 1.0 - sum(chances[state] for state in states)
        state = self.random.choices((*states, "done"), (*(chances[state] for state in states), rest))[0]
        if self.tries[each.key] > 8 or (state == "lost" and not each.needs):
            return "done"
        return state

    def _damaged(self, each: Node[Any]) -> str:
        """Remove a node that another one reads, directly or not, and perhaps others before it; return its key."""
        absent = [need for need in each.needs if need not in self.stored]
        need = self.random.choice(absent or each.needs)
        before = self.plan.nodes[need].needs
        if before and self.random.random() < 0.4:
            below = self.random.choice(before)
            self.stored.discard(below)
            need = self.random.choice((need, below))
        self.stored.discard(need)
        return need
