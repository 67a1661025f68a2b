"""The number of processes and threads for this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass

from layover.allowed import cores, total_memory
from layover.execution import Execution


@dataclass(frozen=True)
class Resources:
    """The number of processes at a time, and of CPU threads of each process."""

    workers: int
    threads: int


def gpu_there() -> bool:
    """Return whether an NVIDIA device is visible, without importing torch."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in {"", "-1"}
    return not hidden and os.path.exists("/dev/nvidia0")  # noqa: PTH110  a device file


def most_between_jobs(workers: int) -> int:
    """Return the bytes that each of a number of processes may hold between two jobs.

    This is a quarter of its share of the memory. `resources` reserves 0.7 of the share for peaks, so both fit.
    Libraries and an encoder usually need much less; a process with more has not freed the memory of a node.
    """
    return total_memory() // (4 * workers)


def resources(execution: Execution, peak_bytes: int | None) -> Resources:
    """Return the processes and threads of the recipe's `run` section, or the largest numbers that fit.

    Args:
        execution: The `run` section.
        peak_bytes: Estimated memory of the largest node; None if unknown.
    """
    on_gpu = execution.device in {"cuda", "mps"} or (execution.device == "auto" and gpu_there())
    workers = execution.workers
    if workers is None:
        workers = 1 if on_gpu else cores()
        if peak_bytes and not on_gpu:
            # of the total memory, not of the free memory: the number of threads must not change between two runs
            workers = max(1, min(workers, int(0.7 * total_memory() // peak_bytes)))
    return Resources(workers, execution.threads or max(1, cores() // workers))
