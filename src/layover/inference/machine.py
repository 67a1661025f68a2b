"""This machine: its devices, threads, and free memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from layover.allowed import available_memory
from layover.devices import CUBLAS_VARIABLE, cublas_workspace, device_of
from layover.errors import ModelError
from layover.execution import Execution

OUT_OF_MEMORY = (
    "out of memory",  # CUDA, HIP, XPU and MPS
    "_STATUS_ALLOC_FAILED",  # cuBLAS, cuDNN, cuSOLVER, cuSPARSE, hipBLAS
    "_ALLOCATION_FAILED",  # cuDNN 9
    "miopenStatusAllocFailed",
    "rocblas_status_memory_error",
    "DefaultCPUAllocator: can't allocate memory",
    "not enough memory",
)
"""Parts of messages of torch for a device or a machine without free memory."""


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
        ModelError: the device is not available, or the process cannot compute deterministically on it any more.
    """
    device = torch.device(here(execution).device)
    threads = torch.get_num_threads()
    with ExitStack() as settings:
        settings.callback(torch.set_num_threads, threads)
        if execution.threads is not None:
            torch.set_num_threads(execution.threads)
        if execution.deterministic:
            settings.enter_context(_deterministic(device))
        yield device


@contextmanager
def _deterministic(device: torch.device) -> Iterator[None]:
    """Use only kernels with the same result in every run, inside the context."""
    with cublas_workspace(), _strict():
        if device.type == "cuda" and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            _try_product(device)
        yield


class _Blocks:
    """The blocks of all threads that compute deterministically now: torch has one setting for the process."""

    lock = threading.Lock()
    count = 0
    before: tuple[int, bool] = 0, False
    """The debug mode before the first block, and whether new memory was filled."""


@contextmanager
def _strict() -> Iterator[None]:
    """Set torch's deterministic mode; the mode before returns when the last such block of the process ends."""
    with _Blocks.lock:
        if not _Blocks.count:
            fill: bool = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
            _Blocks.before = torch.get_deterministic_debug_mode(), fill
        _Blocks.count += 1
        # not torch.use_deterministic_algorithms, which imports the compiler for a setting of compiled code alone
        torch.set_deterministic_debug_mode("error")
        # the fill is a debugging aid for reads of uninitialised memory; it costs a pass over every new tensor
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        with _Blocks.lock:
            _Blocks.count -= 1
            if not _Blocks.count:
                strictness, fill = _Blocks.before
                torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
                torch.set_deterministic_debug_mode(strictness)


def _try_product(device: torch.device) -> None:
    """Refuse a process whose first product on the GPU came before the workspace was set; torch remembers that.

    Raises:
        ModelError: torch refuses products in its deterministic mode.
    """
    try:
        torch.mm(torch.ones(2, 2, device=device), torch.ones(2, 2, device=device))
    except RuntimeError as error:
        if CUBLAS_VARIABLE not in str(error):
            raise
        raise ModelError(
            f"this process multiplied matrices on {device} before {CUBLAS_VARIABLE} was set, so torch refuses "
            f"deterministic products until it ends; start Python with {CUBLAS_VARIABLE}=:4096:8 in its environment, or "
            "set run.deterministic: false"
        ) from None


def free_bytes(device: torch.device) -> int:
    """Return the free bytes of a device; free main memory for the CPU and for devices that share it."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return available_memory()


def capability_of(device: torch.device) -> tuple[int, int] | None:
    """Return the compute capability of a card of NVIDIA; None for other devices."""
    if device.type != "cuda" or torch.version.hip:
        return None
    return torch.cuda.get_device_capability(device)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that the device or the machine has no memory left.

    torch raises it as its own `OutOfMemoryError`, as `AcceleratorError` (the CUDA call itself failed), or as
    `RuntimeError` of a library (cuBLAS, cuDNN, MPS). After other accelerator errors the device computes no more.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    if not isinstance(error, RuntimeError):
        return False
    # the lines after the first are general advice and a trace
    first = str(error).partition("\n")[0]
    return any(part in first for part in OUT_OF_MEMORY)
