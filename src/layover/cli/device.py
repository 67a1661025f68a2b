"""Whether this machine has the device that a recipe names."""

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
"""Device files of NVIDIA's driver, of AMD's, and of Windows' below Linux."""


def unseen(recipe: Recipe) -> list[str]:
    """Return that the recipe's device is not seen here, for a verb that trains nothing; torch is not imported."""
    device = recipe.document.run.device
    if device == "cuda" and not _gpu_seen():
        return [_told(recipe, "no GPU is seen on this machine; a run needs one")]
    if device == "mps" and sys.platform != "darwin":
        return [_told(recipe, "mps is a Mac's, which this machine is not; a run needs one")]
    return []


def require(recipe: Recipe) -> None:
    """Refuse a run on a machine without the recipe's device, before anything of it starts.

    Raises:
        LayoverError: torch does not have the device here.
    """
    device = recipe.document.run.device
    if device in {"auto", "cpu"}:
        return
    import torch

    there = torch.cuda.is_available() if device == "cuda" else torch.backends.mps.is_available()
    if not there:
        reason = f"torch {torch.__version__} finds no such device on this machine"
        raise LayoverError(_told(recipe, f"{reason}; run.device=cpu or run.device=auto runs here"))


def _told(recipe: Recipe, message: str) -> str:
    return str(recipe.source.problem(LOC, f"{recipe.document.run.device}: {message}"))


def _gpu_seen() -> bool:
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in {"", "-1"}
    return not hidden and any(any(Path("/dev").glob(name)) for name in _GPU_FILES)
