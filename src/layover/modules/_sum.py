"""The sum of linear modules as one LoRA; its rank at a linear map is the sum of their ranks.

The sum of `s_i B_i A_i` is `B A`: A stacks the A_i, and B the B_i, each times its factor and scale. Alpha is the rank,
so the scale is 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from layover.modules._base import Module, Site
from layover.modules._low_rank_peft import ruled
from layover.modules.lora import Lora
from layover.shape import Shape

if TYPE_CHECKING:
    from torch import Tensor


def summed(products: Mapping[Site, Sequence[tuple[Tensor, Tensor]]], shape: Shape) -> tuple[Module, dict[str, Tensor]]:
    """Return the LoRA whose change is the sum of the changes, and its weights by canonical name.

    Args:
        products: Site -> the two factors of each change there, (outputs, r) and (r, inputs).
        shape: Sizes of the encoder.
    """
    import torch

    weights: dict[str, Tensor] = {}
    for site, pairs in products.items():
        weights[f"{site.name}.A"] = torch.cat([right for _, right in pairs], dim=0)  # (sum of ranks, inputs)
        weights[f"{site.name}.B"] = torch.cat([left for left, _ in pairs], dim=1)  # (outputs, sum of ranks)
    ranks = {(site.layer, site.place): len(weights[f"{site.name}.A"]) for site in products}
    rules = {place: (rank, float(rank)) for place, rank in ranks.items()}
    return Lora.model_validate(ruled(rules, shape.layers)), weights
