"""Requests to end: Ctrl-C, SIGTERM and SIGHUP, from the first line of the program to its last.

The first request raises `Stop`, or is noted where a run has to end its processes in order (`held`). Later ones change
nothing: what ends does so within seconds, and nothing is left half-written. Where the program goes on outside of such a
block, for a library has swallowed the request, `Stop` is raised again after `PATIENCE` seconds; Ctrl-C then leaves at
once. What was ignored when the program began (`nohup`, a job in the background) stays ignored.

This file is read before anything else and imports next to nothing: until `heed` is called, Ctrl-C shows a traceback.
"""

from __future__ import annotations

import os
import signal
import sys
import time

TYPE_CHECKING = False  # that of `typing` costs milliseconds, see above
if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Literal

REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE = 3.0
"""Seconds."""
EXIT_CODE = 130
KEPT = "what is finished is kept, the same command goes on from there"
"""What becomes of a run that is stopped, for its message."""
AGAIN_SECONDS = 0.01


class Stop(BaseException):
    """The program is asked to end; no `KeyboardInterrupt`, which libraries answer in their own ways."""


class _Requests:
    """What was asked for so far."""

    def __init__(self) -> None:
        self.first: float | None = None
        """Monotonic seconds."""
        self.raised = 0.0
        """The same, of the last one that raised."""
        self.holds = False

    def heard(self, number: int, _frame: FrameType | None) -> None:
        """Take a signal."""
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
    """Answer requests to end from now on."""
    _requests.__init__()  # type: ignore[misc]  # a second run in one process begins anew
    for number in REQUESTS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _requests.heard)
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _unraisable


def over() -> None:
    """Answer none any more: the work is done, and the exit code stands.

    They are ignored: Python, when it ends, takes every other answer away, and the next signal would end it.
    """
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    for number in REQUESTS:
        signal.signal(number, signal.SIG_IGN)


def requested() -> bool:
    """Tell whether there was a request."""
    return _requests.first is not None


class held:  # noqa: N801  used as a function
    """Note a request inside the block instead of raising; `asked` tells of it, and the end of the block raises it."""

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
    """Raise a request again a moment later that came inside a finalizer, where Python cannot raise it."""
    if not issubclass(unraisable.exc_type, Stop):
        sys.__unraisablehook__(unraisable)
        return
    _requests.first = None
    _raise_again(AGAIN_SECONDS)


def _raise_again(seconds: float) -> None:
    """Have a request raised once more when the program goes on for so long."""
    signal.signal(signal.SIGALRM, _requests.heard)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _leave() -> None:
    """End at once: a terminal gets its cursor back, workers see that they are alone and end, too."""
    for target, text in ((1, b"\x1b[?25h"), (2, b"layover: stopped\n")):
        try:
            if target == 2 or os.isatty(target):
                os.write(target, text)
        except OSError:
            pass
    os._exit(EXIT_CODE)
