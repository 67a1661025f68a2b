"""Standard output and error that never fail: when closed, full, without a reader, or in a small encoding.

Text that cannot be written is dropped, and the first error is kept. A run checks it (`heed_reader`) and stops. Every
other command finishes and reports the error at its end (`lost`).
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
"""Name of the error handler that writes a character as its JSON escape, so that JSON stays valid."""


class _Lossy(io.FileIO):
    """A file that accepts all data and keeps the first error."""

    error: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """Write bytes; after the first error, drop them."""
        size = memoryview(data).nbytes
        if self.error is None:
            try:
                while (done := super().write(data)) is None:  # another program made it non-blocking
                    select.select([], [self], [])
            except OSError as error:
                self.error = error
            else:
                return done
        return size


_outputs: dict[int, _Lossy] = {}


def guard() -> None:
    """Replace the standard streams of this process, unless they were replaced before."""
    codecs.register_error(ESCAPES, _escaped)
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed: a file with this number would receive the printed text
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
    """Return the first error of standard output, or None."""
    return _outputs[1].error if 1 in _outputs else None


def output_error(error: OSError) -> str:
    """Return the message on an error of standard output."""
    if error.errno == errno.EPIPE:
        return "the reader of standard output has closed it"
    closed = error.errno == errno.EBADF
    return "standard output is closed" if closed else f"standard output cannot be written: {error.strerror}"


def heed_reader(kept: str) -> None:
    """Stop if standard output is lost.

    Args:
        kept: The state of the work so far, for the message.

    Raises:
        StoppedError: standard output is lost.
    """
    error = lost()
    if error is not None:
        raise StoppedError(f"stopped: {output_error(error)}; {kept}")


def settle(code: int) -> tuple[int, str]:
    """Flush standard output; return the exit code of a finished command, and an error message or empty text.

    A reader that closed the pipe has read enough. Any other lost output is an error that the user can correct.
    """
    sys.stdout.flush()
    error = lost()
    if error is None or error.errno == errno.EPIPE or code:
        return code, ""
    return 2, output_error(error)
