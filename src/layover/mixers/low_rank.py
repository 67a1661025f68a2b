"""low_rank: the attention of AdapterFusion with low-rank projections, 1/72 of its weights on XLM-R base."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import TYPE_CHECKING, ClassVar

from layover.mixers._base import Mixer
from layover.modules import Site
from layover.settings import Rank

if TYPE_CHECKING:
    from torch import Generator, Tensor


class LowRankAttention(Mixer):
    """`softmax(sqrt(outputs / rank) q . k_i) (I + U V) delta_i`, where q and k_i have `rank` numbers each.

    The projections are drawn from normal(0, 0.02), as in AdapterFusion, but q . k_i is a sum of `rank` products instead
    of `outputs`. The factor gives the initial scores the same spread as there, for every rank. U starts at zero, so the
    values start as the deltas. The keys have no bias: it would add the same number to all scores of a token, and
    softmax removes that number.
    """

    name: ClassVar[str] = "low_rank"

    rank: Rank = 8
    """The number of rows of the projections, and the rank of U V."""

    def weights(self, site: Site, count: int) -> dict[str, tuple[int, ...]]:  # noqa: ARG002
        return {
            "query": (self.rank, site.inputs),
            "query_bias": (self.rank,),
            "key": (self.rank, site.outputs),
            "U": (site.outputs, self.rank),
            "V": (self.rank, site.outputs),
        }

    def initialise(self, site: Site, count: int, generator: Generator) -> dict[str, Tensor]:
        """Return query, key and V from normal(0, 0.02), and zeros for the others."""
        import torch

        fresh = {name: torch.zeros(size) for name, size in self.weights(site, count).items()}
        for name in ("query", "key", "V"):
            fresh[name].normal_(0.0, 0.02, generator=generator)
        return fresh

    def mixing_weights(self, site: Site, seen: Tensor, deltas: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        from torch.nn.functional import linear

        query = linear(seen, weights["query"], weights["query_bias"]) * sqrt(site.outputs / self.rank)
        key = linear(deltas, weights["key"])
        return (query.unsqueeze(2) @ key.transpose(-2, -1)).squeeze(2).softmax(-1)

    def mixed(self, mixing: Tensor, deltas: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        """Return the mix; `I + U V` is linear, so it is applied once to the mixed deltas."""
        from torch.nn.functional import linear

        mixed = super().mixed(mixing, deltas, weights)
        changed: Tensor = mixed + linear(linear(mixed, weights["V"]), weights["U"])
        return changed

    def kept(self, site: Site, count: int) -> int:
        """Count the deltas and their mix."""
        return (count + 1) * site.outputs


MIXER = LowRankAttention
