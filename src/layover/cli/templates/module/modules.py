"""NAME: one number per feature, added to the output of the last linear map of each layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from layover.modules import At, LayeredModule, Site, site_at
from layover.shape import Shape

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


class Camel(LayeredModule):
    """`h + b`, h the output of a linear map: an example to replace."""

    name: ClassVar[str] = "NAME"
    neutral: ClassVar[Mapping[str, float]] = {"bias": 0.0}
    commutes: ClassVar[bool] = True
    default_lr: ClassVar[float] = 1e-2

    def sites(self, shape: Shape) -> tuple[Site, ...]:
        return tuple(site_at(layer, "output", shape) for layer in self.layers_of(shape.layers))

    def weights(self, site: Site) -> dict[str, tuple[int, ...]]:
        return {"bias": (site.outputs,)}

    def initialise(self, site: Site, frozen: nn.Module, generator: Generator) -> dict[str, Tensor]:  # noqa: ARG002
        """Return zeros."""
        import torch  # not at the top: checking a recipe does not import torch

        return {"bias": torch.zeros(site.outputs)}

    def seen(self, site: Site, at: At) -> Tensor:  # noqa: ARG002
        return at.source

    def delta(self, site: Site, at: At, weights: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        return weights["bias"].to(at.hidden.dtype).expand_as(at.hidden)


MODULE = Camel
