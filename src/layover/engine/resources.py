"""How many processes and threads this machine carries."""

from __future__ import annotations

import os
from dataclasses import dataclass

from layover.allowed import cores, total_memory
from layover.execution import Execution


@dataclass(frozen=True)
class Resources:
    """Processes at a time, and CPU threads of each."""

    workers: int
    threads: int


def gpu_there() -> bool:
    """Tell whether an NVIDIA device is visible, without importing torch."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in {"", "-1"}
    return not hidden and os.path.exists("/dev/nvidia0")  # noqa: PTH110  a device file


def most_between_jobs(workers: int) -> int:
    """Return the bytes that each of so many processes may hold between two jobs.

    A quarter of its share of the memory: `resources` lets the peaks take 0.7 of it, so that there is room for both.
    Libraries and an encoder mostly take much less; a process with more has not given back what a node took.
    """
    return total_memory() // (4 * workers)


def resources(execution: Execution, peak_bytes: int | None) -> Resources:
    """Return what the recipe's `run` section asks for, or what fits.

    Args:
        execution: The `run` section.
        peak_bytes: Estimated memory of the largest node, None when unknown.
    """
    on_gpu = execution.device in {"cuda", "mps"} or (execution.device == "auto" and gpu_there())
    workers = execution.workers
    if workers is None:
        workers = 1 if on_gpu else cores()
        if peak_bytes and not on_gpu:
            # of all memory, not of what is free now: the number of threads must not change between two runs
            workers = max(1, min(workers, int(0.7 * total_memory() // peak_bytes)))
    return Resources(workers, execution.threads or max(1, cores() // workers))
