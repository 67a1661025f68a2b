"""The process that runs jobs, one after the other: it computes their nodes, commits each, and tells its parent.

It lives on from job to job, so that libraries, tokenizer and encoder are loaded, and files checked by their hashes,
once. What a node computes does not depend on those before it; see `layover.steps.loaded`.
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
from layover.engine import alone
from layover.errors import LayoverError, LostNodeError, Stopped
from layover.execution import Execution
from layover.files.disk import full, message_of
from layover.files.hub_patience import HUB_LOG
from layover.plan import Node
from layover.plan.node_paths import paths_of
from layover.specs import StepSpec
from layover.steps.unchanged import unchanged
from layover.store import Store

PROGRESS_SECONDS = 0.2
"""A node tells of its progress at most this often."""
MOST_JOBS = 200
"""Then a fresh process takes over: a bound on what no one counts (handles, pieces of memory on an accelerator), at the
price of one start in so many jobs."""

Send = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Setup:
    """What holds for all jobs of a worker."""

    store: Path
    execution: Execution
    threads: int
    most_bytes: int
    """What it may hold between two jobs."""


@dataclass(frozen=True)
class JobOrder:
    """One job."""

    nodes: Sequence[Node[StepSpec]]
    log: Path


def main(setup: Setup, connection: Connection) -> None:
    """Run in a fresh process: do job after job, and say `free` after each, until the parent hangs up.

    It ends by itself in the middle of a job when a node has failed, so that whatever the failure left behind in memory
    is gone with it, and after a job when it is worn. The parent then starts another for what is left.
    """
    alone.prepare()
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if setup.threads > 1 else "false"
    import torch

    torch.set_num_threads(setup.threads)
    store = Store(setup.store)
    gc.freeze()  # what is there now stays, so that collecting after each job costs little

    sending = threading.Lock()  # what is said of the hub comes from a thread of its own

    def send(message: Mapping[str, Any]) -> None:
        try:
            with sending:
                connection.send(dict(message))
        except (BrokenPipeError, ConnectionResetError):  # the parent is gone, and `alone` hears of that, too
            alone.stop()

    for count, work in enumerate(_handed(connection), 1):
        in_order = _run_job(work, store, setup.execution, send)
        if not in_order or alone.stopping() or _worn(count, setup.most_bytes):
            break
        send({"event": "free"})
    connection.close()


def _handed(connection: Connection) -> Iterator[JobOrder]:
    """Yield the jobs that the parent hands over, until it hangs up; what a job prints goes into its log."""
    while True:
        try:
            work: JobOrder = connection.recv()
        except (EOFError, OSError):
            return
        alone.print_into(work.log)
        yield work


def _run_job(work: JobOrder, store: Store, execution: Execution, send: Send) -> bool:
    """Compute the nodes of a job; return False as soon as one has failed, or the sweep is being stopped."""
    busy: set[str] = set()
    for node in work.nodes:
        state = "busy" if busy.intersection(node.needs) else run_node(node, store, execution, send)
        if state in {"busy", "lost"}:
            busy.add(node.key)  # with all that needs it; the parent tries again
        if state == "failed" or alone.stopping():
            return False
    return True


def _worn(jobs: int, most_bytes: int) -> bool:
    """Tell whether a fresh process had better go on."""
    gc.collect()  # what a training leaves in cycles can be gigabytes in a handful of objects
    return jobs >= MOST_JOBS or psutil.Process().memory_info().rss > most_bytes


def run_node(node: Node[StepSpec], store: Store, execution: Execution, send: Send) -> str:
    """Compute and commit one node; return `done`, `busy`, `failed`, or `lost` when a node it reads is damaged."""
    try:
        return _claimed(node, store, execution, send)
    except (LayoverError, OSError) as error:  # of the store, around what the node itself does
        return _failed(node, store, send, _failure(node, store, error))


def _claimed(node: Node[StepSpec], store: Store, execution: Execution, send: Send) -> str:
    with store.claim(node.key) as mine:
        if mine is None:
            others = ", ".join(str(one) for one in store.locks.held(node.key))
            send({"event": "end", "key": node.key, "state": "busy", "by": others})
            return "busy"
        if store.has(node.key):
            send({"event": "end", "key": node.key, "state": "done", "shared": True})
            return "done"
        if (reason := store.set_aside(node.key)) is not None:
            send({"event": "aside", "key": node.key, "reason": reason})
        started = time.perf_counter()
        resumes = store.work(node.key).is_dir()
        send({"event": "start", "key": node.key, "pid": os.getpid(), "resumes": resumes})
        try:
            failure = _compute(node, store, execution, send)
        except LostNodeError as error:
            send({"event": "end", "key": node.key, "state": "lost", **_lost(error, store)})
            return "lost"
        if failure is not None and mine.doubtful():  # it was taken for gone, and what it wrote may be gone with it
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

    The reason is empty where this process did not set it aside: it is gone already, or another process computes it.
    """
    with store.claim(error.key) as mine:
        reason = store.set_aside(error.key) if mine is not None else None  # else another process computes it already
    return {"need": error.key, "reason": reason or "", "error": str(error)}


def _compute(node: Node[StepSpec], store: Store, execution: Execution, send: Send) -> dict[str, Any] | None:
    told = 0.0

    def progress(values: Mapping[str, Any]) -> None:
        nonlocal told
        if time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            send({"event": "progress", "key": node.key, **values})

    context = steps.Context(store, execution, progress, alone.stopping)
    try:
        with (
            _telling(node, send),
            alone.saving(node.spec.resumable),
            store.writing(node.kind, node.spec.canonical(), node.needs) as folder,
            unchanged(node, store),
        ):
            steps.get(node.spec.step).run(node, folder, context)
    except LostNodeError:
        raise
    except Stopped:
        alone.leave()  # no failure: the training has left a checkpoint, as it was asked to
    except Exception as error:  # noqa: BLE001  the border of the process: a bug of one node must not end the sweep
        return _failure(node, store, error)
    return None


@contextmanager
def _telling(node: Node[StepSpec], send: Send) -> Iterator[None]:
    """Send what is said of the hub in the block to the parent: the log of the node is read by nobody."""
    handler, log = logging.Handler(), logging.getLogger(HUB_LOG)
    handler.emit = lambda record: send({"event": "told", "key": node.key, "text": record.getMessage()})  # type: ignore[method-assign]
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


def _failure(node: Node[StepSpec], store: Store, error: Exception) -> dict[str, str | None]:
    """Return what an error means to a person; with its traceback where it has no words for one."""
    if isinstance(error, LayoverError):
        return {"node": node.label, "error": str(error), "traceback": None}
    if full(error) is not None:
        return {"node": node.label, "error": message_of(error, store.root), "traceback": None}
    text = "".join(traceback.format_exception(error))
    return {"node": node.label, "error": f"{type(error).__name__}: {error}", "traceback": text}
