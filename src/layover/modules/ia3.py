"""IA3: learned vectors that scale activations (Liu et al. 2022, arXiv:2205.05638)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import field_validator

from layover.modules._base import INNER, PLACES, At, LayeredModule, Site, known_places, site_at
from layover.shape import Shape

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


class Ia3(LayeredModule):
    """`s * h`, h the output of a linear map or the inner activations of the feed-forward part; arithmetic as in peft.

    To scale what comes into the linear map `output`, as peft's `feedforward_modules` do, is to scale `inner`. Scales of
    a stack multiply.
    """

    name: ClassVar[str] = "ia3"
    neutral: ClassVar[Mapping[str, float]] = {"scale": 1.0}
    commutes: ClassVar[bool] = True
    default_lr: ClassVar[float] = 3e-3
    """That of the paper."""

    target: tuple[str, ...] = ("key", "value", INNER)
    """What is scaled; by default as in the paper."""

    @field_validator("target")
    @classmethod
    def _known_target(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return known_places(value, PLACES)

    def sites(self, shape: Shape) -> tuple[Site, ...]:
        """See `Module.sites`."""
        layers = self.layers_of(shape.layers)
        return tuple(site_at(layer, name, shape) for layer in layers for name in self.target)

    def weights(self, site: Site) -> dict[str, tuple[int, ...]]:
        """See `Module.weights`: one number per feature."""
        return {"scale": (site.outputs,)}

    def kept_numbers(self, shape: Shape) -> int:
        """See `Module.kept_numbers`: what is scaled."""
        return sum(site.outputs for site in self.sites(shape))

    def initialise(self, site: Site, frozen: nn.Module, generator: Generator) -> dict[str, Tensor]:  # noqa: ARG002
        """See `Module.initialise`: ones."""
        import torch

        return {"scale": torch.ones(site.outputs)}

    def seen(self, site: Site, at: At) -> Tensor:  # noqa: ARG002
        """See `Module.seen`: what came into the linear map."""
        return at.source

    def delta(self, site: Site, at: At, weights: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        """See `Module.delta`."""
        return (at.hidden * (weights["scale"] - 1)).to(at.hidden.dtype)

    def changed(self, site: Site, at: At, weights: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        """See `Module.changed`: one product."""
        return (at.hidden * weights["scale"]).to(at.hidden.dtype)


MODULE = Ia3
