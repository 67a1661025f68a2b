"""What must not change while something else trains."""

from __future__ import annotations

import hashlib

import torch
from torch import nn


def fingerprint(encoder: nn.Module) -> str:
    """Return the SHA-256 of all weights that do not train, base and frozen parts.

    Names, types and shapes are part of it, the device is not.
    """
    digest = hashlib.sha256()
    for name, parameter in sorted(encoder.named_parameters()):
        if parameter.requires_grad:
            continue
        values = parameter.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
        digest.update(values.view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
