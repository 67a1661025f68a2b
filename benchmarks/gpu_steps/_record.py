"""What a step of gpu.py writes: measured values, checks, errors and what it left out, in one JSON file as it goes."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RUNNING, FINISHED, FAILED = "running", "finished", "failed"
LATE = 5.0
"""Seconds after the step's time in which a case may end; then it is interrupted."""


@dataclass(frozen=True)
class Settings:
    """What all steps are given."""

    device: str
    quick: bool
    """Small sizes: a trial of the code whose figures mean nothing."""
    output: str
    work: str
    """Folder for encoders and stores, which the steps share."""
    source: str
    """Hash of the code."""

    @property
    def on_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.device == "cuda"

    @property
    def identity(self) -> dict[str, Any]:
        """What makes a result of an earlier run the result of this one."""
        return {"device": self.device, "quick": self.quick, "source": self.source}


def source_hash() -> str:
    """Return a hash over the code of this checkout: Layover, its sandbox, and the benchmarks."""
    whole = hashlib.sha256()
    files = [file for folder in ("src", "benchmarks") for file in (ROOT / folder).rglob("*.py")]
    for file in sorted(files):
        whole.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return whole.hexdigest()[:16]


def file_of(settings: Settings, step: str) -> Path:
    """Return where the result of a step lies."""
    return Path(settings.output) / f"{step}.json"


def read(settings: Settings, step: str) -> dict[str, Any] | None:
    """Return the result of a step, or None where there is none that can be read."""
    try:
        return dict(json.loads(file_of(settings, step).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def write(settings: Settings, step: str, body: dict[str, Any]) -> None:
    """Write the result of a step, whole or not at all."""
    file = file_of(settings, step)
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    beside.write_text(json.dumps(body, indent=1, default=str) + "\n", encoding="utf-8")
    beside.replace(file)


class OverTime(BaseException):
    """The time of a step is over; no exception that others catch."""


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Raise `OverTime` in the main thread when so many seconds are over."""

    def interrupt(_number: int, _frame: object) -> None:
        raise OverTime

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Record:
    """The result of a step, written after every case.

    Args:
        settings: What all steps are given.
        step: The name of the step.
        seconds: The time after which no further case is begun.
    """

    def __init__(self, settings: Settings, step: str, seconds: float) -> None:
        self._settings, self._step, self._started, self._budget = settings, step, time.monotonic(), seconds
        self.values: dict[str, Any] = {}
        self.checks: list[dict[str, Any]] = []
        self.errors: dict[str, str] = {}
        self.skipped: list[str] = []
        self.end(RUNNING)

    def left(self) -> float:
        """Return the seconds that are left."""
        return self._budget - (time.monotonic() - self._started)

    def case(self, name: str, work: Callable[[], object], *, needs: float = 0.0) -> None:
        """Do a piece of work, if so many seconds are left; its exception is recorded, and the step goes on.

        What is interrupted because the time is over counts as left out.
        """
        if self.left() <= needs:
            self.skipped.append(name)
        else:
            began = time.monotonic()
            try:
                with interrupted_after(self.left() + LATE):
                    work()
            except (subprocess.TimeoutExpired, OverTime):
                self.skipped.append(name)
            except Exception:  # noqa: BLE001 - every failure is recorded, and is one of the results
                self.errors[name] = traceback.format_exc()
            print(f"  {self._step}: {name} ({time.monotonic() - began:.1f} s)", file=sys.stderr, flush=True)
        self.end(RUNNING)

    def check(self, name: str, passed: bool, **facts: Any) -> None:
        """Record a check, and what it rests on."""
        self.checks.append({"name": name, "passed": bool(passed), **facts})

    def end(self, state: str) -> None:
        """Write the result as it is."""
        body = {
            "step": self._step,
            "state": state,
            **self._settings.identity,
            "seconds": round(time.monotonic() - self._started, 1),
            "cpu_seconds": round(time.process_time(), 1),
            "budget_seconds": round(self._budget, 1),
            "checks": self.checks,
            "errors": self.errors,
            "skipped": self.skipped,
            "values": self.values,
        }
        write(self._settings, self._step, body)
