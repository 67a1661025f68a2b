"""arrow: tokens go where modules act most (Ostapenko et al. 2024, arXiv:2405.11157); nothing is trained for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from layover.mixers._router import Router
from layover.modules import Module, Site
from layover.settings import Temperature

if TYPE_CHECKING:
    from torch import Tensor


class Arrow(Router):
    """`|v_i . u| / temperature`, v_i the direction that the module's change of the linear map stretches most.

    It is the top right singular vector of B A. Its sign means nothing, so neither does that of the product. As in peft.
    """

    name: ClassVar[str] = "arrow"
    learns_gates: ClassVar[bool] = False

    temperature: Temperature = 1.0

    def refuses(self, module: Module) -> str:
        return "" if module.linear else "it is no linear change of the frozen weights, so it has no singular vectors"

    def gate(self, module: Module, site: Site, weights: Mapping[str, Tensor]) -> Tensor:
        """Return the gate from the small factors, without their product."""
        import torch

        left, right = module.factors(site, weights)
        base, small = torch.linalg.qr(right.float().T)  # right = small.T @ base.T, and base keeps lengths
        _, _, vectors = torch.linalg.svd(left.float() @ small.T, full_matrices=False)
        found: Tensor = base @ vectors[0]
        return found

    def scores(self, seen: Tensor, gates: Tensor) -> Tensor:
        return (seen @ gates.T).abs() / self.temperature


MIXER = Arrow
