"""How work is done on this machine: settings that change no result beyond rounding."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from accelerate.utils.memory import should_reduce_batch_size

from layover.allowed import available_memory


@dataclass(frozen=True)
class Execution:
    """Where and in which portions training and prediction run; never part of a key."""

    device: str = "cpu"
    """`cpu`, `cuda` or `mps`, as `torch.device` takes it."""
    micro_tokens: int | None = None
    """Padded tokens at once; from the memory at hand when None."""
    memory: int | None = None
    """Bytes that the process may take of the device's memory; what is free when None."""
    gradient_checkpointing: bool = False
    """Compute the activations again in the backward pass instead of keeping them."""
    deterministic: bool = True
    """Only kernels that give equal bits in every run on the same device with the same `micro_tokens`."""
    threads: int | None = None
    """CPU threads; torch's own number when None. Sums split over threads round differently."""
    checkpoint_seconds: float = 60.0
    """A training saves its state this often."""


@contextmanager
def on_machine(execution: Execution) -> Iterator[torch.device]:
    """Set threads and determinism for a block of work, give its device, and put everything back."""
    threads = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    if execution.threads is not None:
        torch.set_num_threads(execution.threads)
    if execution.deterministic:
        # cuBLAS reads it when it is first used in the process
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        # the filling helps to find reads of unset memory and costs a pass over every new tensor
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield torch.device(execution.device)
    finally:
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)
        torch.set_num_threads(threads)


def free_bytes(device: torch.device) -> int:
    """Return the bytes that are free on a device; main memory for the CPU and for devices that share it."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return available_memory()


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that the device or the machine has no memory left."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    if not isinstance(error, RuntimeError):
        return False
    return should_reduce_batch_size(error) or "not enough memory" in str(error)
