"""The process that runs a job: it computes its nodes, commits each, and tells its parent."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from layover import steps
from layover.errors import LayoverError
from layover.plan import Node
from layover.plan.nodes import RESUMABLE
from layover.recipe import Execution
from layover.store import Store

PROGRESS_SECONDS = 0.2
"""A node tells of its progress at most this often."""

Send = Callable[[Mapping[str, Any]], None]

_STOPPING = threading.Event()
_CAN_SAVE = threading.Event()
"""Set while a training runs, which answers a stop by a checkpoint."""


@dataclass(frozen=True)
class Work:
    """What a worker is handed."""

    nodes: Sequence[Node]
    store: Path
    execution: Execution
    threads: int
    log: Path


def main(work: Work, connection: Connection) -> None:
    """Run in a fresh process: compute the nodes of one job."""
    _prepare(work)
    import torch

    torch.set_num_threads(work.threads)

    def send(message: Mapping[str, Any]) -> None:
        connection.send(dict(message))

    store = Store(work.store)
    failed: set[str] = set()
    for node in work.nodes:
        blockers = failed.intersection(node.needs)
        if blockers:
            failed.add(node.key)
            continue  # the parent knows what a failure blocks
        state = run_node(node, store, work.execution, send)
        if state != "done":
            failed.add(node.key)
    connection.close()


def _prepare(work: Work) -> None:
    """Leave Ctrl-C to the parent, die with it, and keep the libraries' chatter out of its terminal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if work.threads > 1 else "false"
    parent = parent_process()
    if parent is not None:
        watcher = threading.Thread(target=_die_with, args=(parent.sentinel,), daemon=True)
        watcher.start()
    work.log.parent.mkdir(parents=True, exist_ok=True)
    stream = work.log.open("a", encoding="utf-8")
    for target in (sys.stdout, sys.stderr):
        target.flush()
    os.dup2(stream.fileno(), 1)
    os.dup2(stream.fileno(), 2)


def _stop(_signal: int, _frame: object) -> None:
    _STOPPING.set()
    if not _CAN_SAVE.is_set():
        os._exit(1)


def _die_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)  # a killed sweep must not leave processes that hold its locks


def run_node(node: Node, store: Store, execution: Execution, send: Send) -> str:
    """Compute and commit one node; return `done`, `busy` or `failed`."""
    with store.claim(node.key) as mine:
        if not mine:
            send({"event": "end", "key": node.key, "state": "busy"})
            return "busy"
        if store.has(node.key):
            send({"event": "end", "key": node.key, "state": "done", "shared": True})
            return "done"
        started = time.perf_counter()
        send({"event": "start", "key": node.key, "pid": os.getpid()})
        failure = _compute(node, store, execution, send)
        if failure is not None:
            store.fail(node.key, failure)
            send({"event": "end", "key": node.key, "state": "failed", "error": failure["error"]})
            return "failed"
        send({"event": "end", "key": node.key, "state": "done", "seconds": time.perf_counter() - started})
        return "done"


def _compute(node: Node, store: Store, execution: Execution, send: Send) -> dict[str, Any] | None:
    told = 0.0

    def progress(values: Mapping[str, Any]) -> None:
        nonlocal told
        if time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            send({"event": "progress", "key": node.key, **values})

    context = steps.Context(store, execution, progress, _STOPPING.is_set)
    if node.kind in RESUMABLE:
        _CAN_SAVE.set()
    try:
        with store.writing(node.kind, node.identity, node.needs) as folder:
            steps.get(node.kind).run(node, folder, context)
    except LayoverError as error:
        return {"node": node.label, "error": str(error), "traceback": None}
    except Exception as error:  # noqa: BLE001  the border of the process: a bug of one node must not end the sweep
        if _STOPPING.is_set():
            os._exit(1)  # no failure: the training has left a checkpoint, as it was asked to
        text = "".join(traceback.format_exception(error))
        return {"node": node.label, "error": f"{type(error).__name__}: {error}", "traceback": text}
    finally:
        _CAN_SAVE.clear()
    return None
