"""The fingerprint of weights, by which a card identifies them in any file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def of_weights(weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of weights: names, shapes and float32 values, sorted by name."""
    return of_named((name, weights[name]) for name in sorted(weights))


def of_named(named: Iterable[tuple[str, Tensor]]) -> str:
    """Return the same SHA-256 for weights that arrive one at a time, sorted by name."""
    import torch

    digest = hashlib.sha256()
    for name, value in named:
        ready = value.detach().cpu().to(torch.float32).contiguous()
        digest.update(f"{name} {tuple(ready.shape)}\n".encode())
        digest.update(ready.view(-1).numpy().data)
    return digest.hexdigest()
