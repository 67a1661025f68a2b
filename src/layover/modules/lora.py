"""LoRA: a low-rank update of linear maps (Hu et al. 2022, arXiv:2106.09685)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, Strict, field_validator

from layover.errors import nearest
from layover.modules._base import LINEARS, At, LayeredModule, Shape, Site

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


class Lora(LayeredModule):
    """`y = W x + b + (alpha / rank) B A x`, arithmetic and initial weights as in peft."""

    name: ClassVar[str] = "lora"
    linear: ClassVar[bool] = True
    default_lr: ClassVar[float] = 3e-4

    rank: Annotated[int, Strict(), Field(ge=1)] = 8
    """Rows of A and columns of B."""
    alpha: Annotated[float, Strict(), Field(gt=0)] = 16.0
    """The update is scaled by alpha / rank."""
    target: tuple[str, ...] = ("query", "value")
    """The linear maps that get an update."""

    @field_validator("target")
    @classmethod
    def _known_target(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError(f"name at least one of: {', '.join(LINEARS)}")
        for name in value:
            if name not in LINEARS:
                raise ValueError(f"unknown target {name!r}; {nearest(name, LINEARS)}")
        # one order, so that the same module has one identity
        return tuple(name for name in LINEARS if name in value)

    def sites(self, shape: Shape) -> tuple[Site, ...]:
        """See `Module.sites`."""
        sizes = {"hidden": shape.hidden, "intermediate": shape.intermediate}
        return tuple(
            Site(layer, name, sizes[LINEARS[name][0]], sizes[LINEARS[name][1]])
            for layer in self.layers_of(shape.num_layers)
            for name in self.target
        )

    def weights(self, site: Site) -> dict[str, tuple[int, ...]]:
        """See `Module.weights`: A (rank, inputs), B (outputs, rank)."""
        return {"A": (self.rank, site.inputs), "B": (site.outputs, self.rank)}

    def initialise(self, site: Site, frozen: nn.Module, generator: Generator) -> dict[str, Tensor]:  # noqa: ARG002
        """See `Module.initialise`: A as torch fills a linear map, B zero."""
        import torch

        a = torch.empty(self.rank, site.inputs)
        torch.nn.init.kaiming_uniform_(a, a=5**0.5, generator=generator)
        return {"A": a, "B": torch.zeros(site.outputs, self.rank)}

    def delta(self, site: Site, at: At, weights: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        """See `Module.delta`."""
        from torch.nn.functional import linear

        return linear(linear(at.source, weights["A"]), weights["B"]) * (self.alpha / self.rank)

    def seen(self, site: Site, at: At) -> Tensor:  # noqa: ARG002
        """See `Module.seen`."""
        return at.source

    def factors(self, site: Site, weights: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """See `Module.factors`."""
        return weights["B"] * (self.alpha / self.rank), weights["A"]


MODULE = Lora
