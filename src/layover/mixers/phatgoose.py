"""phatgoose: route tokens by gates that are trained after the modules (Muqeeth et al. 2024, arXiv:2402.05859)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from layover.mixers._router import Router

if TYPE_CHECKING:
    from torch import Tensor


class Phatgoose(Router):
    """`LN(v_i) . LN(u) / sqrt(inputs)`: u is the input of the module, v_i is its gate, LN has no weights."""

    name: ClassVar[str] = "phatgoose"
    learns_gates: ClassVar[bool] = True

    def scores(self, seen: Tensor, gates: Tensor) -> Tensor:
        from torch.nn.functional import layer_norm

        width = seen.shape[-1:]
        scores: Tensor = layer_norm(seen, width) @ layer_norm(gates, width).T / width[0] ** 0.5
        return scores


MIXER = Phatgoose
