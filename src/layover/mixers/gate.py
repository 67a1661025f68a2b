"""gate: the training of the gates of `phatgoose`: the module's delta times `sigmoid(v . u)`, token by token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from layover.mixers._base import Mixer
from layover.mixers._router import GATES
from layover.modules import Site

if TYPE_CHECKING:
    from torch import Generator, Tensor


class Gate(Mixer):
    """One gate vector per module and site; a fresh gate has the mixing weight 1/2."""

    name: ClassVar[str] = "gate"
    learned: ClassVar[bool] = False

    def weights(self, site: Site, count: int) -> dict[str, tuple[int, ...]]:
        return {GATES: (count, site.inputs)}

    def initialise(self, site: Site, count: int, generator: Generator) -> dict[str, Tensor]:  # noqa: ARG002
        import torch

        return {GATES: torch.zeros(count, site.inputs)}

    def mixing_weights(self, site: Site, seen: Tensor, deltas: Tensor, weights: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        """Return the mixing weights; they need not sum to 1."""
        from torch.nn.functional import linear

        return linear(seen, weights[GATES]).sigmoid()


MIXER = Gate
