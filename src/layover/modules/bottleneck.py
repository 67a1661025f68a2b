"""Bottleneck adapters: a small two-layer network beside or behind a sublayer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, Strict

from layover.modules._activations import Activation, activate
from layover.modules._base import SUBLAYERS, At, LayeredModule, Shape, Site

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

Placement = Literal["pfeiffer", "houlsby", "parallel"]

PARALLEL_SCALING = 4.0
"""He et al. 2022, arXiv:2110.04366, and `ParBnConfig` of adapters."""


class Bottleneck(LayeredModule):
    """`h + scale * up(activation(down(z)))` before the residual connection; arithmetic as in adapters 1.3.0.

    placement, sites and z (h: the sublayer's output, x: what the residual connection adds to it):
        pfeiffer: feed-forward; z = LayerNorm(h + x) (Pfeiffer et al. 2021, arXiv:2005.00247; `SeqBnConfig`).
        houlsby: attention and feed-forward; z = h (Houlsby et al. 2019, arXiv:1902.00751; `DoubleSeqBnConfig`,
            whose own default activation is swish).
        parallel: feed-forward; z = x, scale 4 (He et al. 2022, arXiv:2110.04366; `ParBnConfig`, whose own
            default reduction is 2).
    """

    name: ClassVar[str] = "bottleneck"
    default_lr: ClassVar[float] = 1e-4

    placement: Placement = "pfeiffer"
    reduction: Annotated[float, Strict(), Field(gt=0)] = 16
    """The inner size is the hidden size divided by this, at least 1."""
    activation: Activation = "relu"

    def sites(self, shape: Shape) -> tuple[Site, ...]:
        """See `Module.sites`."""
        places = SUBLAYERS if self.placement == "houlsby" else ("feedforward",)
        return tuple(
            Site(layer, place, shape.hidden, shape.hidden, shape.num_layers)
            for layer in self.layers_of(shape.num_layers)
            for place in places
        )

    def weights(self, site: Site) -> dict[str, tuple[int, ...]]:
        """See `Module.weights`: two linear maps, hidden -> inner -> hidden."""
        inner = max(1, int(site.inputs // self.reduction))
        return {
            "down": (inner, site.inputs),
            "down_bias": (inner,),
            "up": (site.outputs, inner),
            "up_bias": (site.outputs,),
        }

    def initialise(self, site: Site, frozen: nn.Module, generator: Generator) -> dict[str, Tensor]:  # noqa: ARG002
        """See `Module.initialise`: down normal(0, 0.02), all else zero.

        adapters draws `up` from the same normal distribution; a zero `up` keeps the frozen encoder's output
        exactly, and gradients still reach it at the first step.
        """
        import torch

        fresh = {name: torch.zeros(size) for name, size in self.weights(site).items()}
        fresh["down"].normal_(0.0, 0.02, generator=generator)
        return fresh

    def seen(self, site: Site, at: At) -> Tensor:  # noqa: ARG002
        """See `Module.seen`: z."""
        if self.placement == "pfeiffer":
            return at.normed
        return at.hidden if self.placement == "houlsby" else at.source

    def delta(self, site: Site, at: At, weights: Mapping[str, Tensor]) -> Tensor:
        """See `Module.delta`."""
        from torch.nn import functional

        down = functional.linear(self.seen(site, at), weights["down"], weights["down_bias"])
        inner = activate(self.activation, down)
        up = functional.linear(inner, weights["up"], weights["up_bias"])
        return up * PARALLEL_SCALING if self.placement == "parallel" else up


MODULE = Bottleneck
