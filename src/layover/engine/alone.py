"""What a worker has to do with the world outside: how it is asked to end, and where it prints.

Ctrl-C is for the parent. SIGTERM and SIGHUP end a worker at once, but a training, which first writes a checkpoint. They
come from the parent, or from a scheduler that tells every process of a job. When the parent is gone, the same happens.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import parent_process
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from layover.stopping import REQUESTS

if TYPE_CHECKING:
    from types import FrameType

    from _typeshed import ReadableBuffer

STOPPED = 128 + signal.SIGTERM
"""Exit code of a worker that was asked to end."""
ORPHAN_SECONDS = 25.0
"""A training whose parent is gone has so long to write a checkpoint: nobody waits for it."""


class _WorkerState:
    """Plain values: what a signal handler sets must not need a lock, which the code below it may hold."""

    stopping = False
    saves = False
    """A training runs, which answers a stop by a checkpoint."""


def stopping() -> bool:
    """Tell whether the worker is asked to end."""
    return _WorkerState.stopping


def stop() -> None:
    """Ask this worker to end."""
    _WorkerState.stopping = True
    if not _WorkerState.saves:
        leave()


def leave() -> NoReturn:
    """End this process at once."""
    os._exit(STOPPED)


@contextmanager
def saving(saves: bool) -> Iterator[None]:
    """Let a request to end wait for what runs in the block, if it saves its state."""
    _WorkerState.saves = saves
    try:
        yield
    finally:
        _WorkerState.saves = False


def prepare() -> None:
    """Answer requests to end, those that came since the process began among them, and end with the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in REQUESTS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _heard)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, REQUESTS)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _heard(_number: int, _frame: FrameType | None) -> None:
    stop()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    stop()
    time.sleep(ORPHAN_SECONDS)
    leave()  # a killed sweep must not leave processes that hold its locks


class _Log(io.FileIO):
    """A log; what a full disk does not take of it is dropped, for it is no reason to fail."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write bytes, or drop them."""
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def print_into(log: Path) -> None:
    """Keep the libraries' chatter out of the parent's terminal."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        target = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    except OSError:
        target = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(target, number)
    os.close(target)
    raw = _Log(1, "w", closefd=False)
    sys.stdout = sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
    )
