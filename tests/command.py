"""The command line: inside the process of the tests, which has all libraries loaded, or in a process of its own."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

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
    said = _Said()
    return _ended(arguments, said, said), said.getvalue()


def layover_apart(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `layover ARGUMENTS` in this process; return its exit code and what it said on each output."""
    out, err = _Said(), _Said()
    with contextlib.chdir(cwd or Path()):
        code = _ended(arguments, out, err)
    return subprocess.CompletedProcess(["layover", *arguments], code, out.getvalue(), err.getvalue())


def _ended(arguments: Sequence[str], out: _Said, err: _Said) -> int:
    """Run the command line, and return its exit code."""
    from layover.cli.main import main

    before = sys.argv
    handlers = {number: signal.getsignal(number) for number in REQUESTS}
    sys.argv = ["layover", *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.argv = before
        for number, handler in handlers.items():
            signal.signal(number, handler)
    raise AssertionError("it ends by an exit code")


def layover_process(*arguments: str, cwd: Path) -> str:
    """Run `layover ARGUMENTS` in a process of its own, without the hub; return what it printed.

    Raises:
        AssertionError: its exit code is not 0.
    """
    ran = subprocess.run(
        [sys.executable, "-m", "layover", *arguments],
        cwd=cwd,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout
