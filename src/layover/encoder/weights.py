"""Weights under canonical names: fresh, checked, read, written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from layover.errors import ModelError, nearest


def generator_for(seed: int, name: str) -> torch.Generator:
    """Return a generator that depends on the seed and a name only, never on the global random state."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def check_weights(weights: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], where: str) -> None:
    """Refuse weights that are not exactly the expected names and shapes.

    Raises:
        ModelError: names the first weight that is missing, unexpected or of another shape.
    """
    for name, shape in expected.items():
        if name not in weights:
            raise ModelError(f"{where}: the weight {name!r} is missing (of {len(expected)} expected)")
        if tuple(weights[name].shape) != shape:
            raise ModelError(
                f"{where}: the weight {name!r} has the shape {tuple(weights[name].shape)}, expected {shape}: "
                "it was trained on another encoder or with other settings"
            )
    for name in weights:
        if name not in expected:
            raise ModelError(f"{where}: unexpected weight {name!r}; {nearest(name, expected)}")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file into the CPU's memory.

    Raises:
        ModelError: the file is missing or not readable.
    """
    try:
        with safe_open(path, framework="pt") as stream:
            # safe_open is no mapping: it has keys() and no iteration
            return {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: not a readable safetensors file ({error})") from error


def write_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write a safetensors file; equal weights give equal bytes."""
    ready = {name: weights[name].detach().cpu().contiguous() for name in sorted(weights)}
    save_file(ready, path, metadata={"format": "pt"})
