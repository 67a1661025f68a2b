"""Bottleneck adapters: a small two-layer network beside or behind a sublayer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import model_validator

from layover.canonical import Omitted
from layover.modules import _coupling
from layover.modules._activations import Activation, activate
from layover.modules._base import EMBEDDINGS, SUBLAYERS, At, LayeredModule, Site
from layover.settings import Flag, Reduction
from layover.shape import Shape

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

    `invertible` also changes the embeddings, by an additive coupling that the mlm head undoes (Pfeiffer et al. 2020,
    arXiv:2005.00052; `SeqBnInvConfig` of adapters).
    """

    name: ClassVar[str] = "bottleneck"
    neutral: ClassVar[Mapping[str, float]] = {
        **dict.fromkeys(("up", "up_bias", "f_up", "f_up_bias", "g_up", "g_up_bias"), 0.0)
    }
    default_lr: ClassVar[float] = 1e-4  # and the epochs: "Adapter Training" of AdapterHub's documentation
    default_epochs: ClassVar[float] = 10.0

    placement: Placement = "pfeiffer"
    reduction: Reduction = 16
    """The inner size is the hidden size divided by this, at least 1."""
    activation: Activation = "relu"
    invertible: Annotated[Flag, Omitted(value=False)] = False
    """Whether the embeddings are changed, too; for the adapters of languages."""
    inv_reduction: Annotated[Reduction, Omitted(2)] = 2
    """The same for the two networks of the coupling, each of which reads half of the features."""

    @model_validator(mode="after")
    def _coupled(self) -> Self:
        if not self.invertible and self.inv_reduction != 2:
            raise ValueError("inv_reduction has a meaning with `invertible: true` only")
        return self

    def only_for_languages(self) -> str:
        """See `Module.only_for_languages`."""
        return "`invertible` changes the embeddings, which are a language's and not a task's" if self.invertible else ""

    def layers_of(self, num_layers: int) -> tuple[int, ...]:
        """See `Module.layers_of`."""
        layers = super().layers_of(num_layers)
        return (0, *layers) if self.invertible and layers[0] > 0 else layers

    def sites(self, shape: Shape) -> tuple[Site, ...]:
        """See `Module.sites`."""
        places = SUBLAYERS if self.placement == "houlsby" else ("feedforward",)
        changed = [(0, EMBEDDINGS)] if self.invertible else []
        changed += [(layer, place) for layer in super().layers_of(shape.layers) for place in places]
        return tuple(Site(layer, place, shape.hidden, shape.hidden, shape.layers) for layer, place in changed)

    def weights(self, site: Site) -> dict[str, tuple[int, ...]]:
        """See `Module.weights`: two linear maps, hidden -> inner -> hidden."""
        if site.place == EMBEDDINGS:
            return _coupling.sizes(site.inputs, self.inv_reduction)
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
        for name, value in fresh.items():
            if name.endswith("down"):
                value.normal_(0.0, 0.02, generator=generator)
        return fresh

    def kept_numbers(self, shape: Shape) -> int:
        """See `Module.kept_numbers`: what the layer's last bottleneck adds to and reads, and what is inside of each."""
        inside = sum(self.weights(site)["down"][0] for site in self.sites(shape) if site.place != EMBEDDINGS)
        return 2 * shape.hidden * len(self.layers_of(shape.layers)) + inside

    def seen(self, site: Site, at: At) -> Tensor:
        """See `Module.seen`: z."""
        if site.place == EMBEDDINGS:
            return at.hidden
        if self.placement == "pfeiffer":
            return at.normed
        return at.hidden if self.placement == "houlsby" else at.source

    def delta(self, site: Site, at: At, weights: Mapping[str, Tensor]) -> Tensor:
        """See `Module.delta`."""
        from torch.nn import functional

        if site.place == EMBEDDINGS:
            return _coupling.delta(at.hidden, weights, self._activate)
        down = functional.linear(self.seen(site, at), weights["down"], weights["down_bias"])
        inner = self._activate(down)
        up = functional.linear(inner, weights["up"], weights["up_bias"])
        return up * PARALLEL_SCALING if self.placement == "parallel" else up

    def undone(self, site: Site, changed: Tensor, weights: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        """See `Module.undone`."""
        return _coupling.undone(changed, weights, self._activate)

    def _activate(self, inner: Tensor) -> Tensor:
        return activate(self.activation, inner)


MODULE = Bottleneck
