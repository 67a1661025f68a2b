"""attention: AdapterFusion (Pfeiffer et al. 2021, arXiv:2005.00247), the same for every kind of module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from layover.mixers._base import Mixer
from layover.modules import Site

if TYPE_CHECKING:
    from torch import Generator, Tensor

VALUE_INITIAL = 1e-6
"""The off-diagonal values of a fresh value matrix, as in adapters."""


class Attention(Mixer):
    """`softmax(q . k_i) (I + V) delta_i`: q from the input of the modules, k_i from the delta of module i.

    Arithmetic and initial weights as in adapters 1.3.0 (`dynamic`). The value matrix of adapters is `I + V` here, so
    weight decay pulls it to the identity, as the penalty of the paper on `value - I` does. There are two differences.
    In training, adapters applies dropout to the scores, with the encoder's `attention_probs_dropout_prob`. For parallel
    adapters, it adds the residual connection twice: in the fusion and after it.
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
        """Return query and key from normal(0, 0.02), and a value matrix close to the identity."""
        import torch

        fresh = {name: torch.zeros(size) for name, size in self.weights(site, count).items()}
        for name in ("query", "key"):
            fresh[name].normal_(0.0, 0.02, generator=generator)
        fresh["value"].fill_(VALUE_INITIAL).fill_diagonal_(0.0)
        return fresh

    def mixing_weights(self, site: Site, seen: Tensor, deltas: Tensor, weights: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        from torch.nn.functional import linear

        query = linear(seen, weights["query"], weights["query_bias"])
        # q . (W delta_i + b) = (W^T q) . delta_i + q . b: one product for all modules, instead of a key of each
        turned = query @ weights["key"]
        # each token attends to its own K deltas only
        scores = (turned.unsqueeze(2) @ deltas.transpose(-2, -1)).squeeze(2)
        return (scores + (query @ weights["key_bias"]).unsqueeze(-1)).softmax(-1)

    def mixed(self, mixing: Tensor, deltas: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        """Return the mix; `I + V` is linear, so it is applied once to the mixed deltas."""
        from torch.nn.functional import linear

        mixed = super().mixed(mixing, deltas, weights)
        changed: Tensor = mixed + linear(mixed, weights["value"])
        return changed

    def kept(self, site: Site, count: int) -> int:
        """Count the deltas, the query, the query in the space of the deltas, and the mix."""
        return (count + 3) * site.outputs


MIXER = Attention
