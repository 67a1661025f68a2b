"""This machine: its devices, threads, and free memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from accelerate.utils.memory import should_reduce_batch_size

from layover.allowed import available_memory
from layover.errors import ModelError, nearest
from layover.execution import Execution


def device_of(wanted: str, where: str = "run.device") -> str:
    """Return the device for `auto`, `cpu`, `cuda` or `mps`.

    Args:
        wanted: Name of the device.
        where: Source of the name, for the message.

    Raises:
        ModelError: the device is not available, or its name is unknown.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if there[device])
    if wanted not in there:
        raise ModelError(f"{where}: {wanted!r} is not a device; {nearest(wanted, ('auto', *there))}")
    if not there[wanted]:
        usable = ", ".join(device for device, usable in there.items() if usable)
        raise ModelError(f"{where}: {wanted} is not available here; usable: {usable}")
    return wanted


def here(execution: Execution) -> Execution:
    """Return the execution with a device of this machine in place of `auto`.

    Raises:
        ModelError: the device is not available.
    """
    return execution.model_copy(update={"device": device_of(execution.device)})


@contextmanager
def on_machine(execution: Execution) -> Iterator[torch.device]:
    """Set threads and determinism for a block of work, yield its device, and restore the settings.

    Raises:
        ModelError: the device is not available.
    """
    device = torch.device(here(execution).device)
    threads = torch.get_num_threads()
    # not torch.use_deterministic_algorithms, which imports the compiler for a setting of compiled code alone
    strictness = torch.get_deterministic_debug_mode()
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    if execution.threads is not None:
        torch.set_num_threads(execution.threads)
    if execution.deterministic:
        # cuBLAS reads it at its first use in the process
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.set_deterministic_debug_mode("error")
        # the fill is a debugging aid for reads of uninitialised memory; it costs a pass over every new tensor
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield device
    finally:
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
        torch.set_deterministic_debug_mode(strictness)
        torch.set_num_threads(threads)


def free_bytes(device: torch.device) -> int:
    """Return the free bytes of a device; free main memory for the CPU and for devices that share it."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return available_memory()


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that the device or the machine has no memory left."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    if not isinstance(error, RuntimeError):
        return False
    return should_reduce_batch_size(error) or "not enough memory" in str(error)
