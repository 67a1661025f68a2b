"""A mixer: equal mixing weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from layover.mixers import Mixer
from layover.modules import Site

if TYPE_CHECKING:
    from torch import Generator, Tensor


class Even(Mixer):
    """One share for all."""

    name: ClassVar[str] = "even"
    learned: ClassVar[bool] = False

    def weights(self, site: Site, count: int) -> dict[str, tuple[int, ...]]:
        return {}

    def initialise(self, site: Site, count: int, generator: Generator) -> dict[str, Tensor]:
        return {}

    def mixing_weights(self, site: Site, seen: Tensor, deltas: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        batch, tokens, count, _ = deltas.shape
        return deltas.new_full((batch, tokens, count), 1 / count)


MIXER = Even
