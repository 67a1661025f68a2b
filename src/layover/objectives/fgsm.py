"""fgsm: the loss of embeddings that are moved by the signs of their gradient, after some plain epochs.

Source: SDBN, Findings of ACL 2026 (arXiv:2606.10610).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, Strict

from layover.objectives._base import B, Forward, StepPasses
from layover.objectives._perturbing import Perturbing, Radius, unmoved

if TYPE_CHECKING:
    from torch import Tensor


class Fgsm(Perturbing):
    """L(E + radius * sign g) alone, where g is the gradient of L(E); the first epochs are plain.

    If a row's loss falls instead of rising, its radius is divided by 10, up to `reductions` times.
    """

    name = "fgsm"
    radius: Radius = 1e-4
    """Change of each number of the embeddings."""
    warmup_epochs: Annotated[float, Strict(), Field(ge=0, le=1e6)] = 3.0
    """Plain epochs at the beginning; the paper adds 10 adversarial epochs to them."""
    reductions: Annotated[int, Strict(), Field(ge=0, le=20)] = 3
    """Largest number of divisions; the sources name no number."""

    def passes(self, epochs: float) -> tuple[StepPasses, ...]:
        share = max(0.0, 1 - self.warmup_epochs / epochs)
        return StepPasses(share, weights=False, perturbation=True), StepPasses(1)

    def idle(self, dropout: float, epochs: float) -> str:  # noqa: ARG002
        if epochs > self.warmup_epochs:
            return ""
        return f"all {epochs:g} epochs are plain, because warmup_epochs is {self.warmup_epochs:g}; lower it"

    def finest(self) -> float | None:
        return self.of_number(self.radius)

    def losses(self, forward: Forward[B], batch: B) -> Iterator[Tensor]:
        import torch

        if forward.epoch < self.warmup_epochs:
            yield forward(batch).loss
            return
        start = unmoved(forward, batch)
        clean = self.moved(forward, batch, start)
        (gradient,) = torch.autograd.grad(clean.loss, start)
        radius = self.radius * self.number_unit(forward, batch) * torch.ones_like(gradient[:, :1, :1])
        before = forward.each_loss(clean.logits.detach())
        moved = self.moved(forward, batch, radius * gradient.sign())
        for _ in range(self.reductions):
            fallen = forward.each_loss(moved.logits.detach()) < before
            if not bool(fallen.any()):
                break
            del moved  # before the next pass, so that one pass is in memory
            radius = torch.where(fallen[:, None, None], radius / 10, radius)
            moved = self.moved(forward, batch, radius * gradient.sign())
        yield moved.loss


OBJECTIVE = Fgsm
