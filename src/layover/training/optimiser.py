"""AdamW over the trained parts, each of which has a gradient norm of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from layover.heads import Head
from layover.training.settings import LoopSettings

HEAD = "head"
FUSED = {"cpu", "cuda", "mps", "xpu"}
"""Devices on which AdamW is one kernel; on a CPU it is bit for bit the same in every run, too."""

Parts = Mapping[str, Mapping[str, nn.Parameter]]


def head_parts(heads: Sequence[Head]) -> dict[str, dict[str, nn.Parameter]]:
    """Return the heads that train as parts: `head`, of several `head.0`, `head.1`."""
    names = [HEAD] if len(heads) == 1 else [f"{HEAD}.{place}" for place in range(len(heads))]
    parts = {name: dict(head.named_parameters()) for name, head in zip(names, heads, strict=True)}
    trained = {
        name: {one: weight for one, weight in weights.items() if weight.requires_grad}
        for name, weights in parts.items()
    }
    return {name: weights for name, weights in trained.items() if weights}


class Optimiser:
    """Decoupled weight decay on matrices; vectors (biases, layer norms) do not decay.

    Args:
        parts: Part name -> weight name -> parameter; each head is a part.
        settings: Betas, eps, weight decay, clip.
    """

    def __init__(self, parts: Parts, settings: LoopSettings) -> None:
        self.clip = settings.clip
        self.parts = {part: list(weights.values()) for part, weights in parts.items()}
        self.named = {f"{part}/{name}": weight for part, weights in parts.items() for name, weight in weights.items()}
        weights = list(self.named.values())
        self._zero = torch.zeros((), device=weights[0].device)
        groups = [
            {"params": [one for one in weights if one.dim() > 1], "weight_decay": settings.weight_decay},
            {"params": [one for one in weights if one.dim() <= 1], "weight_decay": 0.0},
        ]
        self._adam = torch.optim.AdamW(
            [group for group in groups if group["params"]],
            lr=settings.lr,
            betas=settings.betas,
            eps=settings.eps,
            fused=weights[0].device.type in FUSED,
        )

    def step(self, lr: float) -> list[Tensor]:
        """Clip, update, forget the gradients; return the gradient norm of each part, on the device.

        A part without gradients, the head of a task that has not its turn, stays as it is: nothing of it decays, and
        its moments stand still. Its norm is 0.
        """
        norms = []
        for weights in self.parts.values():
            found = [weight.grad for weight in weights if weight.grad is not None]
            norm = get_total_norm(found) if found else self._zero
            if self.clip is not None:
                clip_grads_with_norm_(weights, self.clip, norm)
            norms.append(norm)
        for group in self._adam.param_groups:
            group["lr"] = lr
        self._adam.step()
        self.forget()
        return norms

    def forget(self) -> None:
        """Drop the gradients."""
        self._adam.zero_grad(set_to_none=True)

    def weights(self) -> dict[str, Tensor]:
        """Return copies of the trained weights on the CPU, `part/name`."""
        return {name: weight.detach().to("cpu", copy=True) for name, weight in self.named.items()}

    def set_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take over what `weights` gave."""
        with torch.no_grad():
            for name, weight in self.named.items():
                weight.copy_(weights[name])

    def state(self) -> dict[str, Tensor]:
        """Return copies of AdamW's moments and step counts on the CPU, `part/name:moment`."""
        return {
            f"{name}:{key}": value.detach().to("cpu", copy=True)
            for name, weight in self.named.items()
            for key, value in self._adam.state.get(weight, {}).items()
        }

    def set_state(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave."""
        for name, value in state.items():
            weight_name, _, key = name.rpartition(":")
            weight = self.named[weight_name]
            self._adam.state[weight][key] = value.to(weight.device, copy=True)
