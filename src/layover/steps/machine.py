"""From the recipe's `run` section and this machine to what the loops need: device, threads, tokens at a time."""

from __future__ import annotations

import torch

from layover.batches import Execution
from layover.errors import ModelError, nearest
from layover.recipe import Execution as Wanted


def device_of(wanted: str, where: str = "run.device") -> str:
    """Return the device for `auto`, `cpu`, `cuda` or `mps`.

    Args:
        wanted: One of these.
        where: Who asks for it, for the message.

    Raises:
        ModelError: the device asked for is not there, or is none.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if there[device])
    if wanted not in there:
        raise ModelError(f"{where}: there is no device {wanted!r}; {nearest(wanted, ('auto', *there))}")
    if not there[wanted]:
        usable = ", ".join(device for device, usable in there.items() if usable)
        raise ModelError(f"{where}: {wanted} is not available here; usable: {usable}")
    return wanted


def execution_of(wanted: Wanted) -> Execution:
    """Return how the loops run here; none of it changes a result beyond rounding."""
    device = device_of(wanted.device)
    return Execution(
        device=device,
        micro_tokens=wanted.micro_tokens,
        memory=wanted.memory,
        gradient_checkpointing=wanted.gradient_checkpointing,
        deterministic=wanted.deterministic,
        checkpoint_seconds=wanted.checkpoint_seconds,
    )
