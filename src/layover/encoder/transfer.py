"""Copies from main memory to a device, without a wait where the device allows it."""

from __future__ import annotations

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on a device; a tensor that is there already is returned as it is.

    A GPU copies from pinned memory while it works on earlier operations. A copy from other memory makes the process
    wait.
    """
    pinned = tensor.pin_memory() if device.type == "cuda" and tensor.device.type == "cpu" else tensor
    return pinned.to(device, non_blocking=True)
