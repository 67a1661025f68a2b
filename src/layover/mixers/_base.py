"""What every mixer is: weights for the modules at a place, token by token, and the mix by these weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, ClassVar

from layover.canonical import CanonicalModel
from layover.modules import Site

if TYPE_CHECKING:
    from torch import Generator, Tensor


class Mixer(CanonicalModel, ABC):
    """Settings of a mixer; all of them are identity. K modules act at each of its sites."""

    name: ClassVar[str]
    """The name of the file."""
    learned: ClassVar[bool] = True
    """Whether its weights are learned with the target (`fuse`), or come from the modules themselves (`route`)."""

    exact: ClassVar[bool] = False
    """Whether its arithmetic is handed float32 weights in an encoder that computes in bfloat16, too."""

    @abstractmethod
    def weights(self, site: Site, count: int) -> dict[str, tuple[int, ...]]:
        """Return names and shapes of the mixer's weights at a site, for so many modules."""

    @abstractmethod
    def initialise(self, site: Site, count: int, generator: Generator) -> dict[str, Tensor]:
        """Return fresh weights for a site, float32 on the CPU."""

    @abstractmethod
    def mixing_weights(self, site: Site, seen: Tensor, deltas: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        """Return how much of each module is taken, (B, T, K).

        Args:
            site: Where.
            seen: What the modules read, (B, T, inputs).
            deltas: What they would add, (B, T, K, outputs).
            weights: The mixer's own at this site.
        """

    def mixed(self, mixing: Tensor, deltas: Tensor, weights: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        """Return what is added in the end, (B, T, outputs): the deltas by their mixing weights."""
        # one row of mixing weights per token
        return (mixing.unsqueeze(2) @ deltas).squeeze(2)

    def kept(self, site: Site, count: int) -> int:
        """Return how many numbers per token a training keeps for the backward pass: the deltas, and more."""
        return count * site.outputs

    def parameter_count(self, sites: tuple[Site, ...], count: int) -> int:
        """Return how many weights the mixer has at these sites."""
        return sum(prod(size) for site in sites for size in self.weights(site, count).values())
