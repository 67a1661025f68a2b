"""Worker processes: their start, and the engine's view of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

from layover.engine import server
from layover.engine.jobs import EncoderName, Job
from layover.engine.worker import Setup, main
from layover.errors import NodeError
from layover.plan import Node
from layover.specs import StepSpec

MOST_STARTS = 3


@dataclass
class Worker:
    """A worker process and its current job."""

    process: ForkServerProcess
    connection: Connection
    job: Job | None = None
    """None while it is free."""
    encoder: EncoderName | None = None
    """Encoder of the last job that has one; the process has loaded it."""
    jobs: int = 0
    """Number of finished jobs."""
    current: Node[StepSpec] | None = None
    """The node that runs now."""
    ended: set[str] = field(default_factory=set)
    """Keys of the nodes of the current job that have ended."""
    busy: set[str] = field(default_factory=set)
    """Keys of the nodes of the current job that have to be tried again."""

    def node(self, key: str) -> Node[StepSpec]:
        """Return a node of the current job."""
        return self.nodes()[key]

    def nodes(self) -> Mapping[str, Node[StepSpec]]:
        """Return the nodes of the current job by key; none while it is free."""
        return {} if self.job is None else self.job.nodes

    def left(self) -> dict[str, Node[StepSpec]]:
        """Return the nodes of the current job that have not ended, or have to be tried again, by key."""
        return {key: node for key, node in self.nodes().items() if key not in self.ended or key in self.busy}

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; `Process.terminate` does nothing after the fork server has ended."""
        if self.process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, number)


def started(context: ForkServerContext, setup: Setup, *, alone: bool) -> Worker | None:
    """Return a new worker; None after a request to end.

    Args:
        context: Starts processes.
        setup: Its settings.
        alone: Whether there is no other worker.

    Raises:
        NodeError: it cannot be started.
    """
    for attempt in range(1, MOST_STARTS + 1):
        connection, of_worker = context.Pipe()
        process = context.Process(target=main, args=(setup, of_worker), daemon=True)
        try:
            runs = server.begin(process, alone=alone)
            break
        except NodeError:  # the fork server was killed; the next attempt starts another
            if attempt == MOST_STARTS:
                raise
    of_worker.close()
    return Worker(process, connection) if runs else None


def received(worker: Worker) -> dict[str, Any] | None:
    """Return the message of a worker; None if it has ended, perhaps in the middle of a message."""
    try:
        message: dict[str, Any] = worker.connection.recv()
    except (EOFError, OSError):
        return None
    return message
