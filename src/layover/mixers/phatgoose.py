"""phatgoose: tokens go where gates that were learned after the fact point (Muqeeth et al. 2024, arXiv:2402.05859)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from layover.mixers._router import Router

if TYPE_CHECKING:
    from torch import Tensor


class Phatgoose(Router):
    """`LN(v_i) . LN(u) / sqrt(inputs)`, LN without weights, for what a module reads u and its gate v_i."""

    name: ClassVar[str] = "phatgoose"
    learns_gates: ClassVar[bool] = True

    def scores(self, seen: Tensor, gates: Tensor) -> Tensor:
        from torch.nn.functional import layer_norm

        width = seen.shape[-1:]
        found: Tensor = layer_norm(seen, width) @ layer_norm(gates, width).T / width[0] ** 0.5
        return found


MIXER = Phatgoose
