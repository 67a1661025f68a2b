"""Copies between main memory and a device, without a wait where the device allows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Self

import torch
from torch import Tensor

_ALIGNED = 16
"""Bytes; the start of each packed tensor is a multiple, so that a view of any number type is allowed."""


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on a device; a tensor that is there already is returned as it is.

    A GPU copies from pinned memory while it works on earlier operations, and torch keeps that memory until the copy
    ends. All other copies make the process wait: torch would read the source later on `mps`, when it may be gone, and a
    copy to main memory could be read before it ends.
    """
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def all_to_device(tensors: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """Return tensors of main memory on a device; a GPU gets all by a single copy, and they share memory."""
    if device.type != "cuda":
        return [to_device(tensor, device) for tensor in tensors]
    packed = together(tensors, pinned=True).to(device, non_blocking=True)
    return apart(packed, tensors)


def together(tensors: Sequence[Tensor], *, pinned: bool) -> Tensor:
    """Return the bytes of tensors one after the other, (bytes,) uint8."""
    packed = torch.empty(_starts(tensors)[-1], dtype=torch.uint8, pin_memory=pinned)
    for place, tensor in zip(apart(packed, tensors), tensors, strict=True):
        place.copy_(tensor)
    return packed


def apart(packed: Tensor, tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return views of packed bytes, with the shapes and types of `tensors`; see `together`."""
    return [
        packed[start : start + tensor.numel() * tensor.element_size()].view(tensor.dtype).view(tensor.shape)
        for start, tensor in zip(_starts(tensors), tensors, strict=False)
    ]


def _starts(tensors: Sequence[Tensor]) -> list[int]:
    """Return the first byte of each packed tensor, and the number of all bytes."""
    sizes = (-(-tensor.numel() * tensor.element_size() // _ALIGNED) * _ALIGNED for tensor in tensors)
    return list(accumulate(sizes, initial=0))


@dataclass(frozen=True, eq=False)
class HostCopy:
    """Tensors on their way to main memory."""

    tensors: Mapping[str, Tensor]
    arrived: torch.cuda.Event | None
    """Reached when all tensors are there; None if they are there already."""

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Self:
        """Start the copy of tensors of any device; only a GPU copies without a wait, into pinned memory."""
        if not any(tensor.device.type == "cuda" for tensor in tensors.values()):
            return cls({name: tensor.cpu() for name, tensor in tensors.items()}, None)
        # torch takes pinned memory for a copy from a GPU without a wait, and keeps it until the copy ends
        copies = {name: tensor.to("cpu", non_blocking=True) for name, tensor in tensors.items()}
        # the process sleeps while it waits, and leaves its core to others
        event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        event.record()
        return cls(copies, event)

    def wait(self) -> Mapping[str, Tensor]:
        """Return the tensors in main memory; copy what has to last, because pinned memory is scarce."""
        if self.arrived is not None:
            self.arrived.synchronize()
        return self.tensors
