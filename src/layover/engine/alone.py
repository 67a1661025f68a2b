"""Signals and output of a worker process: how it ends on request, and where it prints.

The parent alone handles Ctrl-C. SIGTERM and SIGHUP end a worker at once; a training first writes a checkpoint. They
come from the parent, or from a scheduler that signals every process of a job. The same happens when the parent ends.
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
"""Exit code of a worker that ended on request."""
ORPHAN_SECONDS = 25.0
"""Seconds for the checkpoint of a training whose parent has ended; then the worker ends."""


class _WorkerState:
    """Plain values that a signal handler can set without a lock, because the interrupted code may hold the lock."""

    stopping = False
    saves = False
    """Whether a training runs that writes a checkpoint when it is stopped."""


def stopping() -> bool:
    """Return whether the worker has to end."""
    return _WorkerState.stopping


def stop() -> None:
    """Request the end of this worker."""
    _WorkerState.stopping = True
    if not _WorkerState.saves:
        leave()


def leave() -> NoReturn:
    """End this process at once."""
    os._exit(STOPPED)


@contextmanager
def saving(saves: bool) -> Iterator[None]:
    """Delay a request to end until the block is over, if the code in the block saves its state."""
    _WorkerState.saves = saves
    try:
        yield
    finally:
        _WorkerState.saves = False


def prepare() -> None:
    """Handle requests to end, including requests since the process began, and end with the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in REQUESTS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, REQUESTS)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _on_signal(_number: int, _frame: FrameType | None) -> None:
    stop()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    stop()
    time.sleep(ORPHAN_SECONDS)
    leave()  # a killed sweep must not leave processes that hold its locks


class _Log(io.FileIO):
    """A log file; if the disk is full, the output is dropped and the worker continues."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write bytes, or drop them."""
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def print_into(log: Path) -> None:
    """Redirect the output of libraries from the parent's terminal to a log file."""
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
