"""Weights by canonical name: draw, check, read and write them."""

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
    """Return a generator that depends only on the seed and a name, never on the global random state."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def check_weights(weights: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], where: str) -> None:
    """Refuse weights whose names or shapes differ from the expected ones.

    Raises:
        ModelError: a weight is missing, is unexpected or has another shape.
    """
    for name, shape in expected.items():
        if name not in weights:
            raise ModelError(f"{where}: the weight {name!r} is missing (of {len(expected)} expected)")
        if tuple(weights[name].shape) != shape:
            raise ModelError(
                f"{where}: the weight {name!r} has the shape {tuple(weights[name].shape)}, but {shape} is expected: "
                "it was trained on another encoder or with other settings"
            )
    for name in weights:
        if name not in expected:
            raise ModelError(f"{where}: the weight {name!r} is unexpected; {nearest(name, expected)}")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights of a safetensors file, in the CPU's memory.

    Raises:
        ModelError: the file is missing or not readable.
    """
    try:
        with safe_open(path, framework="pt") as stream:
            # safe_open is not a mapping: it has keys(), but no iteration
            return {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: it is not a readable safetensors file ({error})") from error


def write_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write a safetensors file; equal weights produce equal bytes."""
    ready = {name: weights[name].detach().cpu().contiguous() for name in sorted(weights)}
    save_file(ready, path, metadata={"format": "pt"})
