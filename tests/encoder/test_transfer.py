"""Copies between main memory and a device."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from layover.encoder.transfer import HostCopy, all_to_device, apart, to_device, together

TYPES = (torch.int64, torch.float32, torch.int8, torch.bool, torch.bfloat16, torch.float64)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(TYPES), st.lists(st.integers(0, 5), max_size=3)), max_size=6))
def test_tensors_come_back_from_packed_bytes(given_shapes: list[tuple[torch.dtype, list[int]]]) -> None:
    drawn = torch.Generator().manual_seed(len(given_shapes))
    tensors = [torch.randint(0, 100, shape, generator=drawn).to(dtype) for dtype, shape in given_shapes]
    packed = together(tensors, pinned=False)
    assert packed.dtype == torch.uint8
    views = apart(packed, tensors)
    assert len(views) == len(tensors)
    for view, tensor in zip(views, tensors, strict=True):
        assert (view.dtype, view.shape) == (tensor.dtype, tensor.shape)
        assert torch.equal(view, tensor)
        assert view.untyped_storage().data_ptr() == packed.untyped_storage().data_ptr()


def test_a_view_that_is_not_contiguous_is_packed_in_its_order() -> None:
    tensor = torch.arange(6).view(2, 3).T
    (view,) = apart(together([tensor], pinned=False), [tensor])
    assert view.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_what_is_there_already_is_not_copied() -> None:
    tensor = torch.arange(3)
    assert to_device(tensor, torch.device("cpu")) is tensor
    assert all_to_device([tensor], torch.device("cpu"))[0] is tensor
    copy = HostCopy.of({"a": tensor})
    assert copy.arrived is None
    assert copy.wait()["a"] is tensor


def test_a_gpu_is_waited_for_before_its_results_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pretended GPU: what is copied without a wait is wrong until the event is reached."""
    log: list[str] = []

    class Event:
        def __init__(self, *, blocking: bool) -> None:
            assert blocking

        def record(self) -> None:
            log.append("record")

        def synchronize(self) -> None:
            log.append("synchronize")

    class There:
        """A tensor of a GPU."""

        device = torch.device("cuda")

        def to(self, device: str, *, non_blocking: bool) -> Tensor:
            assert (device, non_blocking) == ("cpu", True)
            log.append("copy")
            return torch.ones(2)

    monkeypatch.setattr(torch.cuda, "Event", Event)
    copy = HostCopy.of({"a": There(), "b": There()})  # type: ignore[dict-item]
    assert log == ["copy", "copy", "record"]
    assert set(copy.wait()) == {"a", "b"}
    assert log[3:] == ["synchronize"]


@pytest.mark.parametrize(
    ("source", "target", "waits"),
    [("cpu", "mps", True), ("cpu", "xpu", True), ("cuda", "cpu", True), ("mps", "cpu", True), ("cpu", "cuda", False)],
)
def test_only_a_copy_from_pinned_memory_to_a_gpu_may_be_late(source: str, target: str, waits: bool) -> None:
    log: list[str] = []

    class Pinned:
        def to(self, device: torch.device, *, non_blocking: bool = False) -> str:
            log.append(f"pinned {device} {non_blocking}")
            return "copy"

    class There(Pinned):
        device = torch.device(source)

        def pin_memory(self) -> Pinned:
            return Pinned()

        def to(self, device: torch.device, *, non_blocking: bool = False) -> str:
            log.append(f"plain {device} {non_blocking}")
            return "copy"

    assert to_device(There(), torch.device(target)) == "copy"  # type: ignore[arg-type, comparison-overlap]
    assert log == [f"plain {target} False" if waits else f"pinned {target} True"]
