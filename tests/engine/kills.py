"""A sweep that is killed again and again: one process of it or all, by any signal, at any moment."""

from __future__ import annotations

import os
import queue
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import psutil
from tests.engine.conftest import MOST_SAID, Folder

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
SPARED = ("worker", "server")
"""Kills of these do not end a run."""
WEIGHTS = (5, 1)
"""Another fork server takes seconds to start."""
ENDING = ("parent", "group", "reader")
ENDS = frozenset({0, 1, 2, 130})
LATEST_EVENT, STARTING_SECONDS = 60, 10.0
HANG_SECONDS, LEAVE_SECONDS = 300, 120


@dataclass
class Tally:
    """What was done, and what came of it."""

    kills: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    finished: int = 0
    """Times that the sweep came to its end."""
    wrong: list[str] = field(default_factory=list)


class Run:
    """A run of the sweep whose output is read all the time."""

    def __init__(self, folder: Folder) -> None:
        self.process = folder.start("run", "recipe.yaml", "--json")
        self.said: list[str] = []
        self._leaves = False
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        size = 0
        for line in self.process.stdout:
            self.said.append(line)
            size += len(line)
            if size > MOST_SAID:
                self.process.kill()
                self.said.append(f"more than {MOST_SAID} characters\n")
                break
            self._lines.put(line)
            if self._leaves:
                break
        self.process.stdout.close()
        self._lines.put(None)

    def wait(self, lines: int, seconds: float) -> None:
        """Wait until so many more lines were said, and then some seconds, or until it has ended."""
        for _ in range(lines):
            try:
                if self._lines.get(timeout=HANG_SECONDS) is None:
                    self._lines.put(None)  # for the next who asks
                    return
            except queue.Empty:
                return
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=seconds)

    def others(self) -> list[psutil.Process]:
        """Return all processes of its session but the first."""
        found = []
        for process in psutil.process_iter():
            with suppress(ProcessLookupError, psutil.Error):
                if process.pid != self.process.pid and os.getsid(process.pid) == self.process.pid:
                    found.append(process)
        return found

    def kill(self, whom: str, number: signal.Signals, drawn: random.Random) -> bool:
        """Send a signal; return whether there was anybody to take it."""
        if self.process.poll() is not None:
            return False
        if whom == "reader":
            self._leaves = True
            return True
        if whom in SPARED:
            servers = [one for one in self.others() if _parent(one) == self.process.pid and _forks(one)]
            workers = [one for one in self.others() if _parent(one) in {server.pid for server in servers}]
            there = servers if whom == "server" else workers
            if not there:
                return False
            with suppress(psutil.NoSuchProcess):
                drawn.choice(there).send_signal(number)
            return True
        send = os.killpg if whom == "group" else os.kill
        send(self.process.pid, number)
        if number == signal.SIGINT:  # a person in a hurry
            for _ in range(2):
                time.sleep(0.05)
                with suppress(ProcessLookupError):
                    send(self.process.pid, number)
        return True


def _parent(process: psutil.Process) -> int | None:
    with suppress(psutil.Error):
        return process.ppid()
    return None


def _forks(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return any("forkserver" in word for word in process.cmdline())
    return False


def life(folder: Folder, drawn: random.Random, most: int, tally: Tally) -> int:
    """Run the sweep, kill workers and the fork server of it, and at last all of it; return the count of kills.

    Args:
        folder: With the sweep's store, in any state.
        drawn: Decides.
        most: Kills at most.
        tally: Takes what happens.
    """
    run, early, done, lethal = Run(folder), drawn.random() < 0.3, 0, False
    count = 1 if early else min(most, drawn.randint(2, 18))
    for number in range(count):
        if early:  # while it starts
            run.wait(0, drawn.random() * STARTING_SECONDS)
        else:
            run.wait(drawn.randrange(1, LATEST_EVENT // count), drawn.random() * 0.2)
        whom = drawn.choice(ENDING) if number == count - 1 else drawn.choices(SPARED, WEIGHTS)[0]
        by = drawn.choice(SIGNALS)
        if run.kill(whom, by, drawn):
            done += 1
            tally.kills[whom if whom == "reader" else f"{whom} {by.name}"] += 1
            lethal = whom in {"parent", "group"}
    _end(run, tally, killed=lethal and by == signal.SIGKILL)
    return done


def _end(run: Run, tally: Tally, *, killed: bool) -> None:
    """Wait for the end of a run, and hold it to what was promised."""
    try:
        code = run.process.wait(timeout=HANG_SECONDS)
    except subprocess.TimeoutExpired:
        tally.wrong.append("hangs: " + "".join(run.said[-5:]))
        run.process.kill()
        return
    said = "".join(run.said)
    tally.codes[str(code)] += 1
    if code not in ENDS and not (killed and code == -signal.SIGKILL) and not _too_early(code, said):
        tally.wrong.append(f"exit code {code}: {said[-2000:]}")
    if "Traceback" in said or "Exception ignored" in said:
        tally.wrong.append(f"traceback: {said[-3000:]}")
    _, alive = psutil.wait_procs(run.others(), timeout=LEAVE_SECONDS)
    if alive:
        tally.wrong.append(f"processes outlive it: {[one.cmdline() for one in alive]}")
        for one in alive:
            one.kill()


def _too_early(code: int, said: str) -> bool:
    """Tell whether a signal came before Layover began: Python starts for some hundredths of a second."""
    return not said and code in {-signal.SIGTERM, -signal.SIGHUP, -signal.SIGINT}
