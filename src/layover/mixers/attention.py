"""attention: AdapterFusion (Pfeiffer et al. 2021, arXiv:2005.00247), the same for every kind of module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from layover.mixers._base import Mixer
from layover.modules import Site

if TYPE_CHECKING:
    from torch import Generator, Tensor

VALUE_INITIAL = 1e-6
"""Off the diagonal of a fresh value matrix, as in adapters."""


class Attention(Mixer):
    """`softmax(q . k_i) (I + V) delta_i`: q from what the modules read, k_i from what each would add.

    Arithmetic and initial weights as in adapters 1.3.0 (`dynamic`), whose value matrix is `I + V` here: weight decay
    then draws it to the identity, which is what the penalty of the paper on `value - I` does. Two things are not as
    there: adapters drops scores while it trains, with the encoder's `attention_probs_dropout_prob`, and with parallel
    adapters it adds the residual connection twice, in the fusion and behind it.
    """

    name: ClassVar[str] = "attention"

    def weights(self, site: Site, count: int) -> dict[str, tuple[int, ...]]:  # noqa: ARG002
        return {
            "query": (site.outputs, site.inputs),
            "query_bias": (site.outputs,),
            "key": (site.outputs, site.outputs),
            "key_bias": (site.outputs,),
            "value": (site.outputs, site.outputs),
        }

    def initialise(self, site: Site, count: int, generator: Generator) -> dict[str, Tensor]:
        """Return query and key from normal(0, 0.02), and values almost unchanged."""
        import torch

        fresh = {name: torch.zeros(size) for name, size in self.weights(site, count).items()}
        for name in ("query", "key"):
            fresh[name].normal_(0.0, 0.02, generator=generator)
        fresh["value"].fill_(VALUE_INITIAL).fill_diagonal_(0.0)
        return fresh

    def mixing_weights(self, site: Site, seen: Tensor, deltas: Tensor, weights: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        from torch.nn.functional import linear

        query = linear(seen, weights["query"], weights["query_bias"])
        key = linear(deltas, weights["key"], weights["key_bias"])
        # each token asks its own modules only
        return (query.unsqueeze(2) @ key.transpose(-2, -1)).squeeze(2).softmax(-1)

    def mixed(self, mixing: Tensor, deltas: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        """Return the mix of the values."""
        import torch

        value = weights["value"]
        identity = torch.eye(len(value), dtype=value.dtype, device=value.device)
        return super().mixed(mixing, torch.nn.functional.linear(deltas, identity + value), weights)

    def kept(self, site: Site, count: int) -> int:
        """Count deltas, keys and values of every module, and a query."""
        return (3 * count + 1) * site.outputs


MIXER = Attention
