"""Layers with a LoRA on one packing, outside of `fit`: what the levers are tried on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import _ours
import torch
from torch import Tensor, nn

from gpu_steps._made import encoder_folder, rows, shape_of
from gpu_steps._record import Settings
from layover.encoder import Encoder


class Step:
    """Forward and backward of layers with a LoRA, on one packing, outside of `fit`."""

    def __init__(self, settings: Settings, lengths: Tensor, precision: Any, *, layers: int | None = None) -> None:
        encoder = _ours.make_encoder(encoder_folder(settings, "base"), precision, dropout=0.1)
        self.encoder: Encoder = encoder.to(settings.device).train()
        self.device, self.layers = torch.device(settings.device), layers or encoder.num_layers
        # not through `top`, which packs anew: a graph cannot do that
        self.forward: Callable[..., Tensor] = encoder._run  # noqa: SLF001
        trained = (weights for named in encoder.trained().values() for weights in named.items())
        used = tuple(f"layers.{number}." for number in range(self.layers))
        self.weights: list[nn.Parameter] = [weight for name, weight in trained if name.startswith(used)]
        self.take(lengths)

    def take(self, lengths: Tensor) -> None:
        """Take rows of these lengths."""
        encoder = self.encoder
        self.packing = encoder._packing(lengths, int(lengths.max()), self.device)  # noqa: SLF001
        encoder.clock.set(0, torch.arange(len(lengths), device=self.device))
        size = (1, len(self.packing.rows), encoder.hidden_size)
        self.hidden = torch.randn(size, device=self.device, dtype=encoder.dtype)

    def __call__(self) -> None:
        """Compute the gradients."""
        hidden = self.forward(self.hidden, self.packing, 0, self.layers)
        for weight, gradient in zip(self.weights, torch.autograd.grad(hidden.float().sum(), self.weights), strict=True):
            weight.grad = gradient


def pairs(settings: Settings, count: int) -> Tensor:
    """Return the lengths of so many rows."""
    return torch.from_numpy(rows("classification", count, shape_of(settings, "base").vocabulary).lengths)
