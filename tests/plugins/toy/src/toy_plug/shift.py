"""A module: one number for each feature, added to what linear maps give (BitFit's biases)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from layover.modules import At, LayeredModule, Site, site_at
from layover.shape import Shape

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


class Shift(LayeredModule):
    """`h + b`, h the output of a layer's last linear map."""

    name: ClassVar[str] = "shift"
    neutral: ClassVar[Mapping[str, float]] = {"shift": 0.0}
    commutes: ClassVar[bool] = True
    default_lr: ClassVar[float] = 1e-2

    def sites(self, shape: Shape) -> tuple[Site, ...]:
        return tuple(site_at(layer, "output", shape) for layer in self.layers_of(shape.layers))

    def weights(self, site: Site) -> dict[str, tuple[int, ...]]:
        return {"shift": (site.outputs,)}

    def initialise(self, site: Site, frozen: nn.Module, generator: Generator) -> dict[str, Tensor]:
        import torch

        return {"shift": torch.zeros(site.outputs)}

    def seen(self, site: Site, at: At) -> Tensor:
        return at.source

    def delta(self, site: Site, at: At, weights: Mapping[str, Tensor]) -> Tensor:
        return weights["shift"].to(at.hidden.dtype).expand_as(at.hidden)


MODULE = Shift
