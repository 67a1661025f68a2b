"""The command line inside the process of the tests, which has all libraries loaded."""

from __future__ import annotations

import contextlib
import io
import signal
import sys

MOST_SAID = 20_000_000
"""Characters."""
REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Said(io.StringIO):
    """What a command says; one that does not stop saying fills no memory."""

    def write(self, text: str, /) -> int:
        assert self.tell() < MOST_SAID, "it says too much"
        return super().write(text)


def layover(*arguments: str) -> tuple[int, str]:
    """Run `layover ARGUMENTS` in this process; return its exit code and what it said on both outputs.

    The processes that compute are started by one server, so that torch is imported once for all runs.
    """
    from layover.cli.main import main

    said, before = _Said(), sys.argv
    handlers = {number: signal.getsignal(number) for number in REQUESTS}
    sys.argv = ["layover", *arguments]
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return code, said.getvalue()
    finally:
        sys.argv = before
        for number, handler in handlers.items():
            signal.signal(number, handler)
    raise AssertionError("it ends by an exit code")
