"""Check that this machine has the device of a recipe."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from layover.errors import LayoverError

if TYPE_CHECKING:
    from layover.recipe import Recipe

LOC = ("run", "device")
_GPU_FILES = ("nvidia[0-9]*", "kfd", "dxg")
"""Device files of the drivers of NVIDIA, AMD and WSL."""


def unseen(recipe: Recipe) -> list[str]:
    """Return notes on a device that this machine lacks, for commands that do not train; torch is not imported."""
    device = recipe.document.run.device
    if device == "cuda" and not _gpu_seen():
        return [_message(recipe, "this machine has no visible GPU; a run needs a GPU")]
    if device == "mps" and sys.platform != "darwin":
        return [_message(recipe, "this machine is not a Mac; a run on mps needs a Mac")]
    return []


def require(recipe: Recipe) -> None:
    """Refuse a run on a machine without the recipe's device, before any node starts.

    Raises:
        LayoverError: torch does not find the device.
    """
    device = recipe.document.run.device
    if device in {"auto", "cpu"}:
        return
    import torch

    there = torch.cuda.is_available() if device == "cuda" else torch.backends.mps.is_available()
    if not there:
        reason = f"torch {torch.__version__} does not find this device on this machine"
        raise LayoverError(_message(recipe, f"{reason}; use run.device=cpu or run.device=auto here"))


def _message(recipe: Recipe, message: str) -> str:
    return str(recipe.source.problem(LOC, f"{recipe.document.run.device}: {message}"))


def _gpu_seen() -> bool:
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in {"", "-1"}
    return not hidden and any(any(Path("/dev").glob(name)) for name in _GPU_FILES)
