"""A bound on CPU time that follows the machine: a slow or busy one fails no test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

USUAL_SECONDS = 0.02
"""CPU time of `work` on a machine of 2024."""


def work() -> int:
    """Do what Python code usually does, for some hundredths of a second."""
    names: dict[str, int] = {}
    for number in range(60_000):
        name = f"name {number % 977}"
        names[name] = names.get(name, 0) + len(name)
    return sum(names.values())


def assert_quick(spent: float, seconds: float, about: object = "") -> None:
    """Hold CPU time to a bound, in seconds of a usual machine; it is measured here what this one makes of it."""
    if spent > seconds:
        allowed = seconds * max(1.0, slower())
        assert spent <= allowed, f"{spent:.1f} s of CPU time, where {allowed:.1f} s are enough; {about}"


def slower() -> float:
    """Return how many times longer the work takes on this machine now: the longest of several."""
    times = []
    for _ in range(5):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return max(times) / USUAL_SECONDS


@contextmanager
def quick(seconds: float) -> Iterator[None]:
    """Hold a block to a bound on its CPU time; see `assert_quick`."""
    start = time.process_time()
    yield
    assert_quick(time.process_time() - start, seconds)
