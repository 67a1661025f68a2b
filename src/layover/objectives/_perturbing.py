"""Perturbations of the embeddings: their sizes, their directions, and the ball that holds them.

All norms are those of one row: over its T x H numbers. So the cut of a step into micro-batches changes nothing.
"""

from __future__ import annotations

from abc import ABC
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, Strict

from layover.errors import NodeError
from layover.modules import Module
from layover.objectives._base import B, Forward, Objective, Passed, Place
from layover.settings import Flag

if TYPE_CHECKING:
    from torch import Tensor

Radius = Annotated[float, Strict(), Field(ge=0, le=1e6)]
Ascents = Annotated[int, Strict(), Field(ge=1, le=100)]
"""Number of gradient steps of a perturbation."""
LossWeight = Annotated[float, Strict(), Field(ge=0, le=1e6)]
"""Factor on a second term of the loss."""

TYPICAL_NUMBER = 0.12
"""Root mean square of the numbers of word embeddings, measured on small encoders; those of XLM-R are of this order."""
TYPICAL_ROOT = 150.0
"""Square root of the numbers of a row of some 30 tokens of XLM-R base, by which a norm is divided for one number."""

TINY = 1e-30
"""Least divisor; a row without a gradient keeps a perturbation of zero."""


class Perturbing(Objective, ABC):
    """An objective that moves the embeddings of a row."""

    at: Place = "embeddings"
    """`frozen` moves the output of the frozen layers, and keeps the use of cached hidden states."""
    relative: Flag = False
    """Whether a radius is a share of the size of the row's word embeddings: of their root mean square."""

    @property
    def place(self) -> Place | None:
        return self.at

    def refuses(self, module: Module) -> str:
        if self.at == "frozen" and self.relative:
            return "relative measures word embeddings; with at: frozen write the radius itself"
        return super().refuses(module)

    def of_number(self, radius: float) -> float:
        """Return the size of a change, for a setting that is the change of a number."""
        return radius * TYPICAL_NUMBER if self.relative else radius

    def of_row(self, norm: float) -> float:
        """Return the size of the change of a number, for a setting that is the norm of a row's change."""
        return norm * TYPICAL_NUMBER if self.relative else norm / TYPICAL_ROOT

    def moved(self, forward: Forward[B], batch: B, perturbation: Tensor, draw: int = 0) -> Passed:
        """Return a pass with a perturbation, (B, T, H)."""
        return forward(batch, perturbation, draw, self.at)

    def row_unit(self, forward: Forward[B], batch: B) -> Tensor | float:
        """Return the norm of a row's perturbation at radius 1, (B, 1, 1): 1, or the norm of its word embeddings."""
        return row_norms(forward.words(batch)) if self.relative else 1.0

    def number_unit(self, forward: Forward[B], batch: B) -> Tensor | float:
        """Return the size of one number at radius 1, (B, 1, 1): 1, or the root mean square of the word embeddings."""
        return self.row_unit(forward, batch) / root_size(forward, batch) if self.relative else 1.0


def unmoved(forward: Forward[B], batch: B) -> Tensor:
    """Return a perturbation of zero that receives a gradient, (B, T, H) float32."""
    import torch

    return torch.zeros(*batch.ids.shape, forward.hidden_size, device=batch.ids.device, requires_grad=True)


def root_size(forward: Forward[B], batch: B) -> Tensor:
    """Return the square root of the number of values of each row, (B, 1, 1) float32."""
    return (forward.tokens(batch) * forward.hidden_size).sqrt()


def row_norms(values: Tensor) -> Tensor:
    """Return the Frobenius norm of each row, (B, 1, 1), from (B, T, H)."""
    from torch.linalg import vector_norm

    norms: Tensor = vector_norm(values, dim=(1, 2), keepdim=True)
    return norms


def direction(gradient: Tensor) -> Tensor:
    """Return a gradient with norm 1 in each row, (B, T, H); zero where it is zero."""
    # without the first division, the squares of a small gradient would be zero
    scaled = gradient / gradient.abs().amax((1, 2), keepdim=True).clamp_min(TINY)
    return scaled / row_norms(scaled).clamp_min(TINY)


def within(perturbation: Tensor, radius: Tensor | float) -> Tensor:
    """Return the nearest perturbation whose norm is at most the radius, (B, T, H)."""
    return perturbation * (radius / row_norms(perturbation).clamp_min(TINY)).clamp_max(1.0)


def random_start(size: Tensor | float, forward: Forward[B], batch: B) -> Tensor:
    """Return numbers uniform on (-size, size) / sqrt(T * H), (B, T, H) float32."""
    return forward.noise(batch) * (size / root_size(forward, batch))


def gradient_of(start: Tensor) -> Tensor:
    """Return the gradient that a backward pass has left on a perturbation."""
    if start.grad is None:
        raise NodeError("the loss has no gradient for the embeddings; report this as a bug")
    return start.grad
