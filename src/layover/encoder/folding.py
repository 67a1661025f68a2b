"""Changes of linear maps that are added to the frozen weights, and their removal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from layover.compositions import Fold
from layover.errors import ModelError
from layover.modules import Site


class Folded:
    """The folded changes, with a copy of the linear maps before them."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[Tensor, Tensor]] = {}

    def undo(self) -> None:
        """Restore the pretrained weights, bit for bit."""
        with torch.no_grad():
            for weight, before in self._before.values():
                weight.copy_(before)
        self._before.clear()

    def fold(self, folds: Sequence[Fold], frozen: Callable[[Site], nn.Module]) -> None:
        """Add every change to its linear map.

        Raises:
            ModelError: a change has another shape than the map, or its site is not a linear map.
        """
        for fold in folds:
            for site in fold.sites:
                linear = frozen(site)
                if not isinstance(linear, nn.Linear):
                    raise ModelError(f"{fold.name}: {site.name} is not a linear map, so nothing can be folded into it")
                self._add(fold, site, linear.weight)

    def _add(self, fold: Fold, site: Site, weight: Tensor) -> None:
        change = fold.change(site)
        if change.shape != weight.shape:
            raise ModelError(
                f"{fold.name}: the change at {site.name} has the shape {tuple(change.shape)}, but the linear map has "
                f"{tuple(weight.shape)}: it was trained on another encoder"
            )
        self._before.setdefault(site.name, (weight, weight.detach().clone()))
        with torch.no_grad():
            weight.copy_(weight.float() + change.to(weight.device))  # a sum in float32: bfloat16 is rounded only once
