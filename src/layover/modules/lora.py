"""LoRA: a low-rank update of linear maps (Hu et al. 2022, arXiv:2106.09685)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from layover.modules._base import At, Site
from layover.modules._low_rank import LowRank

if TYPE_CHECKING:
    from torch import Tensor


class Lora(LowRank):
    """`y = W x + b + scale B A x`, arithmetic and initial weights as in peft."""

    name: ClassVar[str] = "lora"
    linear: ClassVar[bool] = True
    commutes: ClassVar[bool] = True
    default_lr: ClassVar[float] = 3e-4

    def delta(self, site: Site, at: At, weights: Mapping[str, Tensor]) -> Tensor:
        """See `Module.delta`."""
        from torch.nn.functional import linear

        return linear(linear(at.source, weights["A"]), weights["B"]) * self.scale(site)

    def seen(self, site: Site, at: At) -> Tensor:  # noqa: ARG002
        """See `Module.seen`."""
        return at.source

    def factors(self, site: Site, weights: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """See `Module.factors`."""
        return weights["B"] * self.scale(site), weights["A"]


MODULE = Lora
