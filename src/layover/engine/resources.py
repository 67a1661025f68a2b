"""The number of processes and threads for this machine."""

from __future__ import annotations

from dataclasses import dataclass

from layover.allowed import cores, total_memory
from layover.execution import Execution


@dataclass(frozen=True)
class Resources:
    """The number of processes at a time, and of CPU threads of each process."""

    workers: int
    threads: int


def most_between_jobs(workers: int) -> int:
    """Return the bytes that each of a number of processes may hold between two jobs.

    This is a quarter of its share of the memory. `resources` reserves 0.7 of the share for peaks, so both fit.
    Libraries and an encoder usually need much less; a process with more has not freed the memory of a node.
    """
    return total_memory() // (4 * workers)


def resources(execution: Execution, peak_bytes: int | None) -> Resources:
    """Return the processes and threads of the recipe's `run` section, or the largest numbers that fit.

    Two processes share a GPU only where the recipe says so.

    Args:
        execution: The `run` section with the device of this machine; for `auto` there is one process.
        peak_bytes: Estimated memory of the largest node; None if unknown.
    """
    on_cpu = execution.device == "cpu"
    workers = execution.workers
    if workers is None:
        workers = cores() if on_cpu else 1
        if peak_bytes and on_cpu:
            # of the total memory, not of the free memory: the number of threads must not change between two runs
            workers = max(1, min(workers, int(0.7 * total_memory() // peak_bytes)))
    return Resources(workers, execution.threads or max(1, cores() // workers))
