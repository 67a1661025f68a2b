"""Jobs, the engine's view of the worker processes that run them, and the outcome of a run."""

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
    """Nodes that one process runs in a row."""

    name: str
    nodes: list[Node[StepSpec]] = field(default_factory=list)
    not_before: float = 0.0
    """Monotonic seconds; a job waits a little if another sweep computes some of its nodes."""

    @property
    def encoder(self) -> tuple[str, str | None] | None:
        """Source and revision of the encoder whose weights or tokenizer the job loads; None if it loads none."""
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
    """The outcome of a run."""

    done: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    """Key -> error."""
    blocked: dict[str, str] = field(default_factory=dict)
    """Key -> key of the failed node that it needs."""
    unsaved: dict[str, str] = field(default_factory=dict)
    """Key -> why a training that was stopped has no checkpoint."""


@dataclass
class Worker:
    """A worker process and its current job."""

    process: ForkServerProcess
    connection: Connection
    job: Job | None = None
    """None while it is free."""
    encoder: tuple[str, str | None] | None = None
    """Encoder of the last job that has one; the process has loaded it."""
    jobs: int = 0
    """Number of finished jobs."""
    current: Node[StepSpec] | None = None
    """The node that runs now."""
    ended: set[str] = field(default_factory=set)
    """Keys of the nodes of the current job that have ended."""
    busy: set[str] = field(default_factory=set)
    """Keys of the nodes of the current job that have to be tried again."""

    def suits(self, job: Job) -> bool:
        """Return whether it has loaded the encoder of a job."""
        return job.encoder in {None, self.encoder}

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; `Process.terminate` does nothing after the fork server has ended."""
        if self.process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, number)


def received(worker: Worker) -> dict[str, Any] | None:
    """Return the message of a worker; None if it has ended, perhaps in the middle of a message."""
    try:
        message: dict[str, Any] = worker.connection.recv()
    except (EOFError, OSError):
        return None
    return message
