"""low_rank: the attention of AdapterFusion with projections of a low rank, 1/72 of the weights on XLM-R base."""

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

    With projections drawn from normal(0, 0.02) as in AdapterFusion, q . k_i is a sum of `rank` products instead of
    `outputs`; the factor gives the scores the spread that they start with there, whatever the rank. U starts at zero,
    so that values start unchanged. There is no bias on the keys: it adds the same to all scores of a token, which
    softmax takes out again.
    """

    name: ClassVar[str] = "low_rank"

    rank: Rank = 8
    """Rows of the projections, and the rank of what is added to the identity of the values."""

    def weights(self, site: Site, count: int) -> dict[str, tuple[int, ...]]:  # noqa: ARG002
        return {
            "query": (self.rank, site.inputs),
            "query_bias": (self.rank,),
            "key": (self.rank, site.outputs),
            "U": (site.outputs, self.rank),
            "V": (self.rank, site.outputs),
        }

    def initialise(self, site: Site, count: int, generator: Generator) -> dict[str, Tensor]:
        """Return query, key and V from normal(0, 0.02), and zero for all else."""
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
        """Return the mix; the values are linear, so they are taken once, of the mix."""
        from torch.nn.functional import linear

        mixed = super().mixed(mixing, deltas, weights)
        changed: Tensor = mixed + linear(linear(mixed, weights["V"]), weights["U"])
        return changed

    def kept(self, site: Site, count: int) -> int:
        """Count the deltas, and the mix whose value is taken."""
        return (count + 1) * site.outputs


MIXER = LowRankAttention
