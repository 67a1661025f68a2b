"""A schedule that scans all waiting jobs after each message: the reference of `layover.engine.schedule`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from layover.engine.jobs import EncoderName, Job, RunOutcome, group
from layover.engine.schedule import MOST_LOSSES, Blocked
from layover.plan import Node


class Rescan:
    """The jobs of a run that wait; each call of `settle` looks at all of them."""

    def __init__(
        self,
        nodes: Mapping[str, Node[Any]],
        jobs: Sequence[Job],
        outcome: RunOutcome,
        losses: dict[str, list[str]] | None = None,
    ) -> None:
        self._nodes, self._outcome = nodes, outcome
        self._losses = {} if losses is None else losses
        self._waiting = list(jobs)
        self._ready: list[Job] = []

    def __len__(self) -> int:
        """Return the number of waiting jobs."""
        return len(self._waiting)

    @property
    def timed(self) -> bool:
        """Whether a waiting job has a time before which it does not start."""
        return any(job.not_before != 0.0 for job in self._waiting)

    def names(self) -> Iterator[str]:
        """Yield the names of the waiting jobs in their order."""
        return (job.name for job in self._waiting)

    def put_in_front(self, jobs: Sequence[Job]) -> None:
        """Add jobs before all others."""
        self._waiting[:0] = jobs

    def settle(self, now: float) -> list[Blocked]:
        """Drop the nodes that cannot run, until nothing changes, and look for the ready jobs."""
        blocked: list[Blocked] = []
        while more := [pair for job in self._waiting for pair in self._drop_blocked(job)]:
            blocked += more
        self._waiting = [job for job in self._waiting if job.nodes]
        self._ready = [job for job in self._waiting if now >= job.not_before and self._needs(job) <= self._outcome.done]
        return blocked

    def _drop_blocked(self, job: Job) -> Iterator[Blocked]:
        kept = {}
        for node in job.nodes.values():
            needs = {*node.needs, *self._losses.get(node.key, ())}
            failed = {*self._outcome.failed, *self._outcome.blocked} & needs
            if failed:
                cause = min(failed)
                self._outcome.blocked[node.key] = self._outcome.blocked.get(cause, cause)
                yield node.key, cause
            elif node.key not in self._outcome.done:
                kept[node.key] = node
        job.nodes = kept

    def _needs(self, job: Job) -> set[str]:
        needs = {need for node in job.nodes.values() for need in node.needs}
        return (needs | {key for node in job.nodes for key in self._losses.get(node, ())}) - job.nodes.keys()

    def ready(self) -> bool:
        """Return whether a job can start."""
        return bool(self._ready)

    def take(self) -> Job | None:
        """Remove and return the first ready job; None if no job is ready."""
        return self._taken(next(iter(self._ready), None))

    def take_for(self, encoder: EncoderName | None) -> Job | None:
        """Remove and return the first ready job that uses an encoder, or none; None if no such job is ready."""
        return self._taken(next((job for job in self._ready if job.encoder in {None, encoder}), None))

    def _taken(self, job: Job | None) -> Job | None:
        if job is not None:
            self._ready.remove(job)
            self._waiting.remove(job)
        return job

    def finish(self, key: str) -> None:
        """Record a finished node."""
        self._outcome.done.add(key)

    def fail(self, key: str, error: str) -> None:
        """Record a failed node."""
        self._outcome.failed[key] = error

    def lose(self, reader: str, need: str) -> bool:
        """Record that a node was damaged when another node read it; return whether both can run again."""
        losses = self._losses.setdefault(reader, [])
        if need not in self._nodes or len(losses) >= MOST_LOSSES:
            return False
        losses.append(need)
        return True

    def run_again(self, key: str, stored: Callable[[str], bool], running: Collection[str]) -> list[str]:
        """Put a node in front, with its needs, direct and indirect; return the sorted keys of the added nodes."""
        missing = self._missing(key, stored)
        scheduled = {key for job in self._waiting for key in job.nodes} | set(running)
        missing -= scheduled | self._outcome.failed.keys()
        self._waiting[:0] = group(node for key, node in self._nodes.items() if key in missing)
        return sorted(missing)

    def _missing(self, key: str, stored: Callable[[str], bool]) -> set[str]:
        missing: set[str] = set()
        open_keys = [key]
        while open_keys:
            key = open_keys.pop()
            if key in missing or stored(key):
                continue
            missing.add(key)
            self._outcome.done.discard(key)
            open_keys.extend(self._nodes[key].needs)
        return missing
