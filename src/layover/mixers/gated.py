"""gated: one learned weight per site and module, the same for all tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from layover.mixers._base import Mixer
from layover.modules import Site

if TYPE_CHECKING:
    from torch import Generator, Tensor


class Gated(Mixer):
    """`softmax(logits)_i delta_i`; fresh logits are zero, so training starts from the mean of the deltas.

    For LoRA, this mean equals a `merge` with equal weights.
    """

    name: ClassVar[str] = "gated"
    exact: ClassVar[bool] = True

    def weights(self, site: Site, count: int) -> dict[str, tuple[int, ...]]:  # noqa: ARG002
        return {"logits": (count,)}

    def initialise(self, site: Site, count: int, generator: Generator) -> dict[str, Tensor]:  # noqa: ARG002
        """Return logits of zeros."""
        import torch

        return {"logits": torch.zeros(count)}

    def mixing_weights(self, site: Site, seen: Tensor, deltas: Tensor, weights: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        """Return the same mixing weights for every token."""
        return weights["logits"].softmax(-1).to(deltas.dtype).expand(deltas.shape[:-1])


MIXER = Gated
