"""The start of workers and of the process that they are forked from; a request to end interrupts the start."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerProcess
from types import ModuleType

from layover.errors import NodeError
from layover.stopping import REQUESTS, requested

PRELOADED = ["layover.engine.preload"]
"""Modules that the fork server imports, so that its children start in milliseconds."""
POLL_SECONDS = 0.05
SPAWN_SECONDS = 2.0
"""The fork server has a PID by then, unless its start fails."""


def begin(process: ForkServerProcess, *, alone: bool) -> bool:
    """Start a worker, with the fork server before the first worker; return False after a request to end.

    After a request to end, a fork server without workers is killed, too. While it imports, it notices no end of this
    process, and it would keep the outputs of this process open.

    The server imports torch when it starts, which takes seconds. It blocks signals to the whole group (the hang-up of a
    terminal, the SIGTERM of a scheduler), because it reports how its workers end. A worker blocks them until it can
    handle them.

    Args:
        process: The worker.
        alone: Whether there is no other worker.

    Raises:
        NodeError: the worker cannot be started.
    """
    failed: list[BaseException] = []
    thread = threading.Thread(target=_start, args=(process, failed), daemon=True)
    thread.start()
    while thread.is_alive():
        if requested():
            if alone:
                _kill_server(thread)
            return False
        thread.join(POLL_SECONDS)
    if failed:
        cause = f"{type(failed[0]).__name__}: {failed[0]}".removesuffix(": ")
        raise NodeError(
            f"a worker cannot be started ({cause}); perhaps the system killed it because memory is short: run again "
            "with fewer workers at a time (--workers 1)"
        ) from failed[0]
    return True


def _kill_server(start: threading.Thread) -> None:
    """Kill the fork server of a start thread."""
    until = time.monotonic() + SPAWN_SECONDS
    while _pid() is None and start.is_alive() and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
    if (pid := _pid()) is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _pid() -> int | None:
    """Return the PID of the fork server, which multiprocessing does not publish; None if there is none yet."""
    pid: int | None = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]  # noqa: SLF001
    return pid


@contextmanager
def _without_main() -> Iterator[None]:
    """Keep workers from importing the main program: it may be a script of the user that starts the run."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _start(process: ForkServerProcess, failed: list[BaseException]) -> None:
    """Start a process from this thread, so that its children begin with the stop signals blocked."""
    signal.pthread_sigmask(signal.SIG_BLOCK, REQUESTS)
    try:
        resource_tracker.ensure_running()  # it unblocks some of these signals
        signal.pthread_sigmask(signal.SIG_BLOCK, REQUESTS)
        with _without_main():
            process.start()
    except (EOFError, OSError) as error:
        failed.append(error)
