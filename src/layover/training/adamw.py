"""AdamW by torch's fused kernel, without the class around it, whose first use imports torch's compiler.

The import takes as long as that of torch itself, and 70 MiB. The numbers are those of
`torch.optim.AdamW(..., fused=True)`, bit by bit.

Source: Loshchilov and Hutter 2019, arXiv:1711.05101; `torch/optim/adam.py`, `_fused_adam`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class DecayGroup:
    """Weights with the same weight decay; there is a fused kernel on CPUs, CUDA, MPS and XPU."""

    weights: Sequence[nn.Parameter]
    decay: float


@dataclass
class AdamW:
    """Decoupled weight decay and moments of the gradients, for groups of weights."""

    groups: Sequence[DecayGroup]
    betas: tuple[float, float]
    eps: float
    state: dict[nn.Parameter, dict[str, Tensor]] = field(default_factory=dict)
    """Weight -> `step` (), float32, and its moments `exp_avg` and `exp_avg_sq`; only weights that were updated."""

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Update the weights that have a gradient."""
        for group in self.groups:
            with_gradient = [weight for weight in group.weights if weight.grad is not None]
            for dtype in dict.fromkeys(weight.dtype for weight in with_gradient):
                weights = [weight for weight in with_gradient if weight.dtype == dtype]
                self._update(weights, lr, group.decay)

    def _update(self, weights: Sequence[nn.Parameter], lr: float, decay: float) -> None:
        for weight in weights:
            if weight not in self.state:
                self.state[weight] = _fresh(weight)
        states = [self.state[weight] for weight in weights]
        steps, first, second = ([state[name] for state in states] for name in ("step", "exp_avg", "exp_avg_sq"))
        torch._foreach_add_(steps, 1)
        # torch publishes this operator only through its class
        torch._fused_adamw_(
            list(weights),
            _gradients(weights),
            first,
            second,
            [],
            steps,
            amsgrad=False,
            lr=lr,
            beta1=self.betas[0],
            beta2=self.betas[1],
            weight_decay=decay,
            eps=self.eps,
            maximize=False,
        )


def _gradients(weights: Iterable[nn.Parameter]) -> list[Tensor]:
    return [weight.grad for weight in weights if weight.grad is not None]


def _fresh(weight: nn.Parameter) -> dict[str, Tensor]:
    step = torch.zeros((), dtype=torch.float32, device=weight.device)
    return {"step": step, "exp_avg": torch.zeros_like(weight), "exp_avg_sq": torch.zeros_like(weight)}
