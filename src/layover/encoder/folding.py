"""Changes of linear maps that become part of the frozen weights, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from layover.compositions import Fold
from layover.errors import ModelError
from layover.modules import Site


class Folded:
    """What the linear maps were before something was folded into them."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[Tensor, Tensor]] = {}

    def undo(self) -> None:
        """Put the pretrained weights back, bit for bit."""
        with torch.no_grad():
            for weight, before in self._before.values():
                weight.copy_(before)
        self._before.clear()

    def fold(self, folds: Sequence[Fold], frozen: Callable[[Site], nn.Module]) -> None:
        """Add every change to its linear map.

        Raises:
            ModelError: a change has another shape than the map, or is at no linear map.
        """
        for one in folds:
            for site in one.sites:
                linear = frozen(site)
                if not isinstance(linear, nn.Linear):
                    raise ModelError(f"{one.name}: {site.name} is no linear map, so nothing can be folded into it")
                self._add(one, site, linear.weight)

    def _add(self, fold: Fold, site: Site, weight: Tensor) -> None:
        change = fold.change(site)
        if change.shape != weight.shape:
            raise ModelError(
                f"{fold.name}: the change at {site.name} has the shape {tuple(change.shape)}, its linear map "
                f"{tuple(weight.shape)}: it was trained on another encoder"
            )
        self._before.setdefault(site.name, (weight, weight.detach().clone()))
        with torch.no_grad():
            weight.copy_(weight.float() + change.to(weight.device))  # rounded once where the weights are bfloat16
