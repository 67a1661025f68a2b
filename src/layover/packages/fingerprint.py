"""The fingerprint of weights, by which a card tells them whatever file they lie in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def of_weights(weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of weights: names, shapes and float32 values, in the order of their names."""
    return of_named((name, weights[name]) for name in sorted(weights))


def of_named(named: Iterable[tuple[str, Tensor]]) -> str:
    """Return the same of weights that come one at a time, in the order of their names."""
    import torch

    digest = hashlib.sha256()
    for name, value in named:
        ready = value.detach().cpu().to(torch.float32).contiguous()
        digest.update(f"{name} {tuple(ready.shape)}\n".encode())
        digest.update(ready.view(-1).numpy().data)
    return digest.hexdigest()
