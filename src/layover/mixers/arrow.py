"""arrow: route tokens to the modules that change them most (Ostapenko et al. 2024, arXiv:2405.11157); untrained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from layover.mixers._router import Router
from layover.modules import Module, Site
from layover.settings import Temperature

if TYPE_CHECKING:
    from torch import Tensor


class Arrow(Router):
    """`|v_i . u| / temperature`; v_i is the direction that the module's change of the linear map stretches most.

    v_i is the top right singular vector of B A. Its sign is arbitrary, so the score is an absolute value. As in peft.
    """

    name: ClassVar[str] = "arrow"
    learns_gates: ClassVar[bool] = False

    temperature: Temperature = 1.0

    def refuses(self, module: Module) -> str:
        return "" if module.linear else "it is not a linear change of the frozen weights, so it has no singular vectors"

    def gate(self, module: Module, site: Site, weights: Mapping[str, Tensor]) -> Tensor:
        """Return the gate, computed from the two factors without their product."""
        import torch

        left, right = module.factors(site, weights)
        base, small = torch.linalg.qr(right.float().T)  # right = small.T @ base.T, and base keeps lengths
        _, _, vectors = torch.linalg.svd(left.float() @ small.T, full_matrices=False)
        gate: Tensor = base @ vectors[0]
        return gate

    def scores(self, seen: Tensor, gates: Tensor) -> Tensor:
        return (seen @ gates.T).abs() / self.temperature


MIXER = Arrow
