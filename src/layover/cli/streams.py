"""Standard output and error that never fail: closed, full, without a reader, or in an encoding of few characters.

What cannot be written is dropped and remembered. A run looks at that (`heed_reader`) and stops; every other verb does
its work and tells it at its end (`lost`).
"""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

from layover.errors import StoppedError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

ESCAPES = "layover.escapes"
"""Name of the error handler that shows a character as JSON escapes it, so that JSON stays JSON."""


class _Lossy(io.FileIO):
    """A file that takes everything, and keeps the first error."""

    error: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """Write bytes, or drop them once that has failed."""
        size = memoryview(data).nbytes
        if self.error is None:
            try:
                while (done := super().write(data)) is None:  # another program made it one that does not wait
                    select.select([], [self], [])
            except OSError as error:
                self.error = error
            else:
                return done
        return size


_outputs: dict[int, _Lossy] = {}


def guard() -> None:
    """Replace the standard streams of this process where they are the ones that it began with."""
    codecs.register_error(ESCAPES, _escaped)
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed: no file may get this number, or what is printed ends up in it
            os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115  lasts as long as the process
    if sys.stdout is sys.__stdout__:
        sys.stdout = _stream(1, sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _stream(2, sys.stderr)


def _stream(number: int, before: TextIO | None) -> TextIO:
    raw = _outputs[number] = _Lossy(number, "w", closefd=False)
    encoding, errors = (before.encoding, before.errors) if before is not None else ("utf-8", None)
    keeps = errors in {"replace", "ignore", "backslashreplace", "namereplace", "xmlcharrefreplace"}
    stream = io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=encoding,
        errors=errors if keeps and number == 1 else ESCAPES,
        line_buffering=number == 2 or raw.isatty(),
    )
    if before is not None:
        before.flush()
    return stream


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def lost() -> OSError | None:
    """Return the error that standard output had."""
    return _outputs[1].error if 1 in _outputs else None


def told(error: OSError) -> str:
    """Return what is wrong with standard output, for people."""
    if error.errno == errno.EPIPE:
        return "nobody reads standard output any more"
    closed = error.errno == errno.EBADF
    return "standard output is closed" if closed else f"standard output cannot be written: {error.strerror}"


def heed_reader(kept: str) -> None:
    """Stop where standard output is lost.

    Args:
        kept: What becomes of the work so far, for the message.

    Raises:
        StoppedError: it is lost.
    """
    error = lost()
    if error is not None:
        raise StoppedError(f"stopped: {told(error)}; {kept}")


def settle(code: int) -> tuple[int, str]:
    """Return the exit code of a verb that has ended, and what is to be said, with all output written or lost.

    A reader who has left has seen enough. Output that is lost otherwise is a mistake that the user can mend.
    """
    sys.stdout.flush()
    error = lost()
    if error is None or error.errno == errno.EPIPE or code:
        return code, ""
    return 2, told(error)
