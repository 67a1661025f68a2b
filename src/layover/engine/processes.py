"""Jobs, the worker processes that run them as the engine sees these, and what a run of them came to."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any

from layover.plan import Node
from layover.specs import StepSpec


@dataclass
class Job:
    """Nodes, and the keys of other jobs' nodes they need."""

    name: str
    nodes: list[Node[StepSpec]] = field(default_factory=list)
    not_before: float = 0.0
    """Monotonic seconds; a job whose nodes another sweep works on waits a little."""

    @property
    def encoder(self) -> tuple[str, str | None] | None:
        """Source and revision of the encoder whose weights or tokenizer the job loads; None when it loads none."""
        encoders = (node.spec.read_encoder() for node in self.nodes)
        return next(((encoder.source, encoder.revision) for encoder in encoders if encoder is not None), None)

    def needs(self) -> set[str]:
        """Return the keys that must be finished before this job starts."""
        own = {node.key for node in self.nodes}
        return {need for node in self.nodes for need in node.needs} - own


def group(nodes: Iterable[Node[StepSpec]]) -> list[Job]:
    """Return the jobs of the nodes that have to run, in the order of their first nodes."""
    jobs: dict[str, Job] = {}
    for node in nodes:
        jobs.setdefault(node.job, Job(node.job)).nodes.append(node)
    return list(jobs.values())


@dataclass
class RunOutcome:
    """What a run came to."""

    done: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    """Key -> error."""
    blocked: dict[str, str] = field(default_factory=dict)
    """Key -> key of the failed node it needs."""
    unsaved: dict[str, str] = field(default_factory=dict)
    """Key -> why a training that was stopped has no checkpoint."""


@dataclass
class Worker:
    """One process, and the job that it has."""

    process: ForkServerProcess
    connection: Connection
    job: Job | None = None
    """None while it is free."""
    encoder: tuple[str, str | None] | None = None
    """Of the last job that has one: what it has loaded."""
    jobs: int = 0
    """How many it has finished."""
    current: Node[StepSpec] | None = None
    ended: set[str] = field(default_factory=set)
    """Of the job, as the rest."""
    busy: set[str] = field(default_factory=set)

    def suits(self, job: Job) -> bool:
        """Tell whether it has loaded what a job needs."""
        return job.encoder in {None, self.encoder}

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; `Process.terminate` does nothing when the fork server is gone."""
        if self.process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, number)


def received(worker: Worker) -> dict[str, Any] | None:
    """Return what a worker sent, None when it has left, perhaps in the middle of a message."""
    try:
        message: dict[str, Any] = worker.connection.recv()
    except (EOFError, OSError):
        return None
    return message
