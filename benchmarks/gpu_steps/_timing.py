"""Seconds on a device that works on its own: many calls in a row, and ways that take turns."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import _ours
import torch
from torch import Tensor

from gpu_steps._record import Record

ROUNDS = 7
"""Turns of every way that count, as far as there is time."""
Way = Callable[[], float]
"""Does the work once, and returns its seconds."""


def timed(device: str, work: Callable[[], object]) -> float:
    """Do the work; return its seconds."""
    took = _ours.Stopwatch(device)
    work()
    return took.seconds()


def repeated(work: Callable[[], Any], device: str, count: int) -> float:
    """Return the seconds of so many calls in a row."""
    took = _ours.Stopwatch(device)
    for _ in range(count):
        work()
    return took.seconds()


def per_call(work: Callable[[], Any], device: str, *, least: float = 0.02) -> float:
    """Return the seconds of a call, the best of three times; as many in a row as make the last wait cost nothing.

    Args:
        work: The call; it runs before, so that nothing is compiled in its time.
        device: Where it runs.
        least: Seconds of all calls in a row.
    """
    work()
    count = 1
    while repeated(work, device, count) < least and count < 1 << 14:
        count *= 2
    return min(repeated(work, device, count) for _ in range(3)) / count


def turns(record: Record, ways: Mapping[str, Way], seconds: float, *, rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Return the seconds of every way in each round; the first round warms up and does not count.

    A way that fails is recorded, and takes no further turns.

    Args:
        record: Where failures go.
        ways: The ways by name.
        seconds: The time after which no further round is begun; one round counts in any case.
        rounds: The most that count.
    """
    took: dict[str, list[float]] = {name: [] for name in ways}
    begun, working = time.monotonic(), dict(ways)
    for number in range(rounds + 1):
        gc.collect()
        for name in list(working):
            try:
                took[name].append(working[name]())
            except Exception as error:  # noqa: BLE001 - the other ways go on
                del working[name]
                record.errors[name] = f"{type(error).__name__}: {error}"
        spent = time.monotonic() - begun
        if number and spent + spent / (number + 1) > seconds:
            break
    return {name: values[1:] for name, values in took.items() if values[1:]}


def milliseconds(forward: Callable[[], Tensor], inputs: Sequence[Tensor], device: str) -> Any:
    """Return the milliseconds of a forward pass, and of one with its backward pass; or why it does not run."""

    def both() -> None:
        torch.autograd.grad(forward().sum(), inputs)

    def alone() -> None:
        with torch.no_grad():
            forward()

    try:
        return {"forward": round(1e3 * per_call(alone, device), 4), "both": round(1e3 * per_call(both, device), 4)}
    except (RuntimeError, NotImplementedError, ValueError) as error:
        return str(error).partition("\n")[0][:200]


@contextmanager
def tf32(on: bool) -> Iterator[None]:
    """Allow TF32 in float32 products on a GPU, as long as the context is open."""
    before = torch.get_float32_matmul_precision()
    if on:
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
