"""Requests to end: Ctrl-C, SIGTERM and SIGHUP, from the first line of the program to its last.

The first request raises `Stop`; inside a `held` block, where a run ends its processes in order, it is only recorded.
Later requests change nothing: the program ends within seconds, and no file is left half-written. If a library swallows
the request and the program continues outside of a `held` block, `Stop` is raised again after `PATIENCE` seconds; Ctrl-C
then ends the program at once. Signals that were ignored at the start (`nohup`, a background job) stay ignored.

This module is imported first and imports very little: until `heed` is called, Ctrl-C shows a traceback.
"""

from __future__ import annotations

import os
import signal
import sys
import time

TYPE_CHECKING = False  # importing `typing` costs milliseconds, see above
if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Literal

REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE = 3.0
"""Seconds from a request to the next `Stop`."""
EXIT_CODE = 130
KEPT = "finished nodes are kept; the same command resumes the run"
"""Second half of the message of a stopped run."""
AGAIN_SECONDS = 0.01


class Stop(BaseException):
    """A request to end the program; not a `KeyboardInterrupt`, which libraries handle in their own ways."""


class _Requests:
    """The requests so far."""

    def __init__(self) -> None:
        self.first: float | None = None
        """Time of the first request, in monotonic seconds."""
        self.raised = 0.0
        """Time of the last request that raised `Stop`, in monotonic seconds."""
        self.holds = False

    def heard(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        now = time.monotonic()
        if self.first is not None and number == signal.SIGINT and now - self.first >= PATIENCE:
            _leave()
        again = self.first is None or now - max(self.first, self.raised) >= PATIENCE
        self.first = now if self.first is None else self.first
        if again and not self.holds:
            self.raised = now
            _raise_again(PATIENCE)  # a bare `except` of a library may swallow this one
            raise Stop


_requests = _Requests()


def heed() -> None:
    """Install the handlers of the signals."""
    _requests.__init__()  # type: ignore[misc]  # a second run in one process starts without requests
    for number in REQUESTS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _requests.heard)
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _unraisable


class heeding:  # noqa: N801  used as a function
    """Handle requests inside the block, for a Python program that runs a sweep; then restore the program's handlers.

    Outside of the main thread Python has no signals: the block does nothing, and no request stops the sweep.
    """

    def __enter__(self) -> None:
        import threading

        self._before = {}
        if threading.current_thread() is threading.main_thread():
            self._hook = sys.unraisablehook
            self._before = {number: signal.getsignal(number) for number in (*REQUESTS, signal.SIGALRM)}
            heed()

    def __exit__(self, *_error: object) -> None:
        if self._before:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            for number, handler in self._before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
            sys.unraisablehook = self._hook
            _requests.__init__()  # type: ignore[misc]


def over() -> None:
    """Ignore requests from now on: the work is done, and the exit code is fixed.

    Ignoring is necessary: at exit Python removes handlers, and then the next signal would kill the process.
    """
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    for number in REQUESTS:
        signal.signal(number, signal.SIG_IGN)


def requested() -> bool:
    """Return whether there was a request."""
    return _requests.first is not None


class held:  # noqa: N801  used as a function
    """Record a request inside the block; `requested` returns it, and the end of the block raises `Stop`."""

    def __enter__(self) -> None:
        _requests.holds = True

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> Literal[False]:
        _requests.holds = False
        if kind is None and requested():
            raise Stop
        return False


def _unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Repeat a request that came inside a finalizer, where Python cannot raise it."""
    if not issubclass(unraisable.exc_type, Stop):
        sys.__unraisablehook__(unraisable)
        return
    _requests.first = None
    _raise_again(AGAIN_SECONDS)


def _raise_again(seconds: float) -> None:
    """Raise the request again if the program still runs after this time."""
    signal.signal(signal.SIGALRM, _requests.heard)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _leave() -> None:
    """Exit at once; the terminal cursor is restored, and workers notice the exit and end too."""
    for target, text in ((1, b"\x1b[?25h"), (2, b"layover: stopped\n")):
        try:
            if target == 2 or os.isatty(target):
                os.write(target, text)
        except OSError:
            pass
    os._exit(EXIT_CODE)
