"""The process that workers are forked from, and their start, which a request to end need not wait for."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerProcess

from layover.errors import NodeError
from layover.stopping import REQUESTS, requested

POLL_SECONDS = 0.05
SPAWN_SECONDS = 2.0
"""The fork server has a PID by then, unless its start fails."""


def begin(process: ForkServerProcess, *, alone: bool) -> bool:
    """Start a worker, and the fork server before the first one; return False where a request to end came meanwhile.

    Then a fork server that has no workers is gone, too: while it imports it would hear of nothing, and hold the outputs
    of this process open.

    The server imports torch when it starts, for seconds. Signals to the whole group (a terminal's hang-up, a
    scheduler's SIGTERM) are held back in it: without it nobody would know how its workers end. They are held back in a
    worker, too, until it has prepared to answer them.

    Args:
        process: The worker.
        alone: Whether there is no other one.

    Raises:
        NodeError: it cannot be started.
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
            f"a worker cannot be started ({cause}); perhaps the system killed it for want of memory: run again with "
            "fewer at a time (--workers 1)"
        ) from failed[0]
    return True


def _kill_server(start: threading.Thread) -> None:
    """Kill the fork server that a thread starts, or has started."""
    until = time.monotonic() + SPAWN_SECONDS
    while _pid() is None and start.is_alive() and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
    if (pid := _pid()) is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _pid() -> int | None:
    """Return the PID of the fork server, which multiprocessing tells nobody; None where there is none yet."""
    pid: int | None = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]  # noqa: SLF001
    return pid


def _start(process: ForkServerProcess, failed: list[BaseException]) -> None:
    """Start a process in a thread whose children begin with these signals held back."""
    signal.pthread_sigmask(signal.SIG_BLOCK, REQUESTS)
    try:
        resource_tracker.ensure_running()  # it lets go of some of them again
        signal.pthread_sigmask(signal.SIG_BLOCK, REQUESTS)
        process.start()
    except (EOFError, OSError) as error:
        failed.append(error)
