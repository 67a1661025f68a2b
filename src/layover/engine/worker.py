"""The process that runs jobs, one after the other: it computes their nodes, commits each, and reports to its parent.

It runs job after job, so that libraries, tokenizer and encoder are loaded once, and file hashes are checked once. The
result of a node does not depend on the nodes before it (`layover.steps.loaded`).
"""

from __future__ import annotations

import gc
import logging
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from layover import steps
from layover.devices import set_cublas_workspace
from layover.engine import alone
from layover.errors import DivergedError, LayoverError, LostNodeError, Stopped
from layover.execution import Execution
from layover.files.disk import full, message_of
from layover.files.hub_patience import HUB_LOG
from layover.plan import Node
from layover.plan.node_paths import paths_of
from layover.specs import StepSpec
from layover.steps.beginnings import has_checkpoint
from layover.steps.unchanged import unchanged
from layover.store import Store
from layover.store.notes import DIVERGED

PROGRESS_SECONDS = 0.2
"""Least seconds between two progress events of a node."""
MOST_JOBS = 200
"""After this number of jobs a new process replaces the worker. This bounds resources that are not measured (handles,
fragments of accelerator memory); the price is one start of a process."""

Send = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Setup:
    """Settings for all jobs of a worker."""

    store: Path
    execution: Execution
    threads: int
    most_bytes: int
    """Bytes that the process may hold between two jobs."""


@dataclass(frozen=True)
class JobOrder:
    """The nodes of a job, and the file for its log."""

    nodes: Sequence[Node[StepSpec]]
    log: Path


def main(setup: Setup, connection: Connection) -> None:
    """Run in a new process: run job after job, and send `free` after each, until the parent closes the connection.

    The process ends after a failed node, so that objects of the failure do not stay in memory. It also ends after a job
    when it has reached its limits. The parent then starts another process for the remaining nodes.
    """
    alone.prepare()
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if setup.threads > 1 else "false"
    if setup.execution.deterministic:
        set_cublas_workspace()
    import torch

    torch.set_num_threads(setup.threads)
    store = Store(setup.store)
    gc.freeze()  # excludes current objects from the collection after each job, which makes it fast

    sending = threading.Lock()  # messages about the hub come from another thread

    def send(message: Mapping[str, Any]) -> None:
        try:
            with sending:
                connection.send(dict(message))
        except (BrokenPipeError, ConnectionResetError):  # the parent has ended, which `alone` also notices
            alone.stop()

    for count, work in enumerate(_handed(connection), 1):
        in_order = _run_job(work, store, setup.execution, send)
        if not in_order or alone.stopping() or _worn(count, setup.most_bytes):
            break
        send({"event": "free"})
    connection.close()


def _handed(connection: Connection) -> Iterator[JobOrder]:
    """Yield the jobs from the parent until it closes the connection; the output of a job goes into its log."""
    while True:
        try:
            work: JobOrder = connection.recv()
        except (EOFError, OSError):
            return
        alone.print_into(work.log)
        yield work


def _run_job(work: JobOrder, store: Store, execution: Execution, send: Send) -> bool:
    """Compute the nodes of a job; return False after a failed node or a request to end."""
    busy: set[str] = set()
    for node in work.nodes:
        state = "busy" if busy.intersection(node.needs) else run_node(node, store, execution, send)
        if state in {"busy", "lost"}:
            busy.add(node.key)  # nodes that need it are skipped; the parent tries again
        if state == "failed" or alone.stopping():
            return False
    return True


def _worn(jobs: int, most_bytes: int) -> bool:
    """Return whether a new process should replace this one."""
    gc.collect()  # reference cycles of a training can hold gigabytes in a few objects
    return jobs >= MOST_JOBS or psutil.Process().memory_info().rss > most_bytes


def run_node(node: Node[StepSpec], store: Store, execution: Execution, send: Send) -> str:
    """Compute and commit a node; return `done`, `busy`, `failed`, or `lost` if a node that it reads is damaged."""
    try:
        return _claimed(node, store, execution, send)
    except (LayoverError, OSError) as error:  # from the store, outside the step itself
        return _failed(node, store, send, _failure(node, store, error))


def _claimed(node: Node[StepSpec], store: Store, execution: Execution, send: Send) -> str:
    with store.claim(node.key) as claim:
        if claim is None:
            others = ", ".join(str(holder) for holder in store.locks.held(node.key))
            send({"event": "end", "key": node.key, "state": "busy", "by": others})
            return "busy"
        if store.has(node.key):
            send({"event": "end", "key": node.key, "state": "done", "shared": True})
            return "done"
        if (reason := store.set_aside(node.key)) is not None:
            send({"event": "aside", "key": node.key, "reason": reason})
        started = time.perf_counter()
        resumes = has_checkpoint(store.work(node.key))
        send({"event": "start", "key": node.key, "pid": os.getpid(), "resumes": resumes})
        try:
            failure = _compute(node, store, execution, send)
        except LostNodeError as error:
            send({"event": "end", "key": node.key, "state": "lost", **_lost(error, store)})
            return "lost"
        if (
            failure is not None and claim.doubtful()
        ):  # others took this process for ended and may have removed its files
            send({"event": "end", "key": node.key, "state": "busy", "by": "", "error": failure["error"]})
            return "busy"
        if failure is not None:
            return _failed(node, store, send, failure)
        send({"event": "end", "key": node.key, "state": "done", "seconds": time.perf_counter() - started})
        return "done"


def _failed(node: Node[StepSpec], store: Store, send: Send, failure: Mapping[str, Any]) -> str:
    store.failures.add(node.key, failure, paths_of(node.spec))
    send({"event": "end", "key": node.key, "state": "failed", "error": failure["error"]})
    return "failed"


def _lost(error: LostNodeError, store: Store) -> dict[str, str]:
    """Set aside the node that cannot be read; return the message for the parent.

    The reason is empty if this process did not set it aside: it is absent already, or another process computes it.
    """
    with store.claim(error.key) as claim:
        reason = store.set_aside(error.key) if claim is not None else None  # None: another process computes it already
    return {"need": error.key, "reason": reason or "", "error": str(error)}


def _compute(node: Node[StepSpec], store: Store, execution: Execution, send: Send) -> dict[str, Any] | None:
    reported = 0.0

    def progress(values: Mapping[str, Any]) -> None:
        nonlocal reported
        if time.monotonic() - reported >= PROGRESS_SECONDS:
            reported = time.monotonic()
            send({"event": "progress", "key": node.key, **values})

    def evaluated(values: Mapping[str, Any]) -> None:
        send({"event": "evaluation", "key": node.key, **values})

    context = steps.Context(store, execution, progress, alone.stopping, evaluated)
    try:
        with (
            _hub_messages(node, send),
            alone.saving(node.spec.resumable),
            store.writing(node.kind, node.spec.canonical(), node.needs) as folder,
            unchanged(node, store),
        ):
            steps.get(node.spec.step).run(node, folder, context)
    except LostNodeError:
        raise
    except Stopped:
        alone.leave()  # not a failure: the training has written a checkpoint on request
    except Exception as error:  # noqa: BLE001  the border of the process: a bug in one node must not end the sweep
        return _failure(node, store, error)
    return None


@contextmanager
def _hub_messages(node: Node[StepSpec], send: Send) -> Iterator[None]:
    """Send log messages about the hub in the block to the parent, because users do not read the log of a node."""
    handler, log = logging.Handler(), logging.getLogger(HUB_LOG)
    handler.emit = lambda record: send({"event": "told", "key": node.key, "text": record.getMessage()})  # type: ignore[method-assign]
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


def _failure(node: Node[StepSpec], store: Store, error: Exception) -> dict[str, str | None]:
    """Return an error for the user, with its traceback if it is not an error of Layover or of a full disk."""
    if isinstance(error, LayoverError):
        diverged = {DIVERGED: str(error)} if isinstance(error, DivergedError) else {}
        return {"node": node.label, "error": str(error), "traceback": None, **diverged}
    if full(error) is not None:
        return {"node": node.label, "error": message_of(error, store.root), "traceback": None}
    text = "".join(traceback.format_exception(error))
    return {"node": node.label, "error": f"{type(error).__name__}: {error}", "traceback": text}
