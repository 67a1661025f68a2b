"""The base of every mixer: mixing weights for the modules at a site, token by token, and the weighted sum."""

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
    """The settings of a mixer; all of them belong to a node's identity. K modules act at each of its sites."""

    name: ClassVar[str]
    """The name of the file."""
    learned: ClassVar[bool] = True
    """Whether its weights are learned with the target (`fuse`), or computed before it (`route`)."""

    exact: ClassVar[bool] = False
    """Whether its arithmetic gets float32 weights even if the encoder computes in bfloat16."""

    @abstractmethod
    def weights(self, site: Site, count: int) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the mixer's weights at a site, for `count` modules."""

    @abstractmethod
    def initialise(self, site: Site, count: int, generator: Generator) -> dict[str, Tensor]:
        """Return fresh weights for a site, float32 on the CPU."""

    @abstractmethod
    def mixing_weights(self, site: Site, seen: Tensor, deltas: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        """Return the mixing weights, (B, T, K): the factor of each module for each token.

        Args:
            site: The site.
            seen: The input of the modules, (B, T, inputs).
            deltas: The changes of the modules, (B, T, K, outputs).
            weights: The mixer's weights at this site.
        """

    def mixed(self, mixing: Tensor, deltas: Tensor, weights: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        """Return the mixed change, (B, T, outputs): the sum of the deltas times their mixing weights."""
        # one row of mixing weights per token
        return (mixing.unsqueeze(2) @ deltas).squeeze(2)

    def kept(self, site: Site, count: int) -> int:
        """Return the count of numbers per token that a training keeps for the backward pass: by default the deltas."""
        return count * site.outputs

    def parameter_count(self, sites: tuple[Site, ...], count: int) -> int:
        """Return the number of weights of the mixer at these sites."""
        return sum(prod(size) for site in sites for size in self.weights(site, count).values())
