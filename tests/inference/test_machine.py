"""One type says how work is done, from the recipe to the loops; the device `auto` becomes a real one in one place."""

from __future__ import annotations

import os
import threading

import pytest
import torch

from layover.devices import CUBLAS_VARIABLE, cublas_workspace, device_of
from layover.errors import ModelError
from layover.execution import Execution
from layover.inference import machine
from layover.inference.machine import here, is_out_of_memory, on_machine
from layover.recipe.schema import Document

ASKED = Execution(
    workers=2, threads=3, micro_batch_tokens=64, gradient_checkpointing=True, memory="2GiB", deterministic=False
)  # type: ignore[arg-type]


def test_a_recipe_says_it_in_the_same_type_as_the_loops() -> None:
    assert Document.model_fields["run"].annotation is Execution


def test_auto_becomes_a_device_of_this_machine_and_nothing_else_changes() -> None:
    resolved = here(ASKED)
    assert ASKED.device == "auto"
    assert resolved.device == device_of("auto") != "auto"
    assert resolved == ASKED.model_copy(update={"device": resolved.device})
    assert here(resolved) == resolved
    assert here(Execution(device="cpu")).device == "cpu"


def test_a_block_of_work_has_the_threads_and_the_device_that_are_asked_for() -> None:
    threads = torch.get_num_threads()
    with on_machine(ASKED.model_copy(update={"threads": threads + 2})) as device:
        assert torch.get_num_threads() == threads + 2
        assert device.type == device_of("auto")
    assert torch.get_num_threads() == threads
    with on_machine(ASKED.model_copy(update={"threads": None})):
        assert torch.get_num_threads() == threads


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    refused = pytest.raises(ModelError, match=r"run\.device: cuda is not available here: .*; usable: .*cpu")
    with refused, on_machine(Execution(device="cuda")):
        raise AssertionError("the block does not begin")
    with pytest.raises(ModelError, match=r"device: 'cdua' is not a device.*cuda"):
        device_of("cdua", where="device")


HARMLESS = [
    torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nCompile with `TORCH_USE_CUDA_DSA`"),
    torch.AcceleratorError("CUDA error: device-side assert triggered\nFor debugging out of memory errors see ..."),
    torch.AcceleratorError("CUDA error: no kernel image is available for execution on the device"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm( handle, opa, opb)`"),
    RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)"),
    ValueError("out of memory"),
    RuntimeError(),
]
EXHAUSTED = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 6.00 GiB"),
    torch.OutOfMemoryError("HIP out of memory. Tried to allocate 2.00 GiB."),
    torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    torch.AcceleratorError("HIP error: out of memory\nHIP kernel errors might be asynchronously reported"),
    RuntimeError("CUDA driver error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("CUDA error: HIPBLAS_STATUS_ALLOC_FAILED when calling `hipblasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    RuntimeError("cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`"),
    RuntimeError("MIOpen Error: miopenStatusAllocFailed"),
    RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GiB, max allowed: 9.07 GiB). Tried to allocate 2 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] data. DefaultCPUAllocator: not enough memory: you tried"),
    MemoryError(),
]


@pytest.mark.parametrize("error", EXHAUSTED, ids=str)
def test_errors_of_a_device_without_memory(error: Exception) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", HARMLESS, ids=str)
def test_other_errors_are_no_lack_of_memory(error: Exception) -> None:
    assert not is_out_of_memory(error)


@pytest.mark.parametrize("before", [None, "", ":16:8", ":4096:2:16:8"])
def test_the_workspace_of_cublas_is_set_for_the_block_only(monkeypatch: pytest.MonkeyPatch, before: str | None) -> None:
    monkeypatch.delenv(CUBLAS_VARIABLE, raising=False)
    if before is not None:
        monkeypatch.setenv(CUBLAS_VARIABLE, before)
    with on_machine(Execution(device="cpu")):
        assert os.environ[CUBLAS_VARIABLE] == (":16:8" if before == ":16:8" else ":4096:8")
        with on_machine(Execution(device="cpu")):
            assert os.environ[CUBLAS_VARIABLE] in {":4096:8", ":16:8"}
        assert os.environ[CUBLAS_VARIABLE] in {":4096:8", ":16:8"}
    assert os.environ.get(CUBLAS_VARIABLE) == before
    with on_machine(Execution(device="cpu", deterministic=False)):
        assert os.environ.get(CUBLAS_VARIABLE) == before


def test_the_workspace_stays_until_the_last_thread_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CUBLAS_VARIABLE, raising=False)
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with cublas_workspace():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with cublas_workspace():
        thread.start()
        assert entered.wait(10)
    assert os.environ.get(CUBLAS_VARIABLE) == ":4096:8"
    leave.set()
    thread.join()
    assert CUBLAS_VARIABLE not in os.environ


def test_the_deterministic_mode_stays_until_the_last_thread_leaves() -> None:
    """The first thread to come leaves first; each has the mode, and nothing of it stays."""
    entered, leave, modes = threading.Event(), threading.Event(), []
    before = torch.get_deterministic_debug_mode()
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]

    def other() -> None:
        with on_machine(Execution(device="cpu")):
            entered.set()
            leave.wait(10)
            modes.append(torch.get_deterministic_debug_mode())

    thread = threading.Thread(target=other)
    with on_machine(Execution(device="cpu")):
        thread.start()
        assert entered.wait(10)
    leave.set()
    thread.join()
    assert modes == [2]
    assert torch.get_deterministic_debug_mode() == before == 0
    assert torch.utils.deterministic.fill_uninitialized_memory == filled  # type: ignore[attr-defined]


REFUSED = (
    "Deterministic behavior was enabled with either `torch.use_deterministic_algorithms(True)` or ..., but this "
    "operation is not deterministic because it uses CuBLAS and you have CUDA >= 10.2. To enable deterministic behavior "
    "in this case, you must set an environment variable before running your PyTorch application: "
    "CUBLAS_WORKSPACE_CONFIG=:4096:8 or CUBLAS_WORKSPACE_CONFIG=:16:8."
)


def test_a_process_that_cannot_be_deterministic_any_more_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(machine, "device_of", lambda wanted: wanted)
    products = []

    def product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        products.append((left, right))
        raise RuntimeError(REFUSED)

    monkeypatch.setattr(torch, "mm", product)
    monkeypatch.setattr(torch, "ones", lambda *size, device: (size, device))
    strict = torch.are_deterministic_algorithms_enabled()
    with (
        pytest.raises(ModelError, match="start Python with CUBLAS_WORKSPACE_CONFIG=:4096:8 in its environment"),
        on_machine(Execution(device="cuda")),
    ):
        raise AssertionError("the block does not begin")
    assert products
    assert torch.are_deterministic_algorithms_enabled() == strict
    monkeypatch.setattr(torch, "mm", lambda left, right: None)  # noqa: ARG005
    with on_machine(Execution(device="cuda")) as device:
        assert device.type == "cuda"
