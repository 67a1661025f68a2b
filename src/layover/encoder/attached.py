"""One part on the encoder: its weights at every site, under canonical names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from layover.compositions import Part
from layover.encoder.weights import check_weights, generator_for
from layover.modules import At, Shape


class Attached(nn.Module):
    """The weights of one part and what they add.

    Args:
        part: Its weights are copied; None draws fresh ones.
        shape: Sizes of the encoder.
        seed: Fresh weights depend on it, on the position and on the names of their sites only.
        position: Number of parts applied before, so that a module stacked on another starts from other weights.
        device: Where the weights go.

    Raises:
        ModelError: the weights do not fit.
    """

    def __init__(self, part: Part, shape: Shape, *, seed: int, position: int, device: torch.device) -> None:
        super().__init__()
        self.sites = part.module.sites(shape)
        self.part = replace(part, weights=None)  # the tensors live in the parameters below
        values = self._fresh(seed, position) if part.weights is None else part.weights
        if not part.module.whole:  # its weights are in the encoder itself
            check_weights(values, self._expected(), f"part {part.name!r} ({part.module.name})")
        self._weights = [
            nn.ParameterDict(
                {
                    name: nn.Parameter(values[f"{site.name}.{name}"].detach().to(device, torch.float32, copy=True))
                    for name in part.module.weights(site)
                }
            )
            for site in self.sites
        ]
        self.weights = nn.ModuleList(self._weights)

    def _expected(self) -> dict[str, tuple[int, ...]]:
        weights = self.part.module.weights
        return {f"{site.name}.{name}": size for site in self.sites for name, size in weights(site).items()}

    def _fresh(self, seed: int, position: int) -> dict[str, Tensor]:
        fresh = {}
        for site in self.sites:
            drawn = self.part.module.initialise(site, generator_for(seed, f"{position}.{site.name}"))
            fresh.update({f"{site.name}.{name}": value for name, value in drawn.items()})
        return fresh

    def named(self) -> dict[str, nn.Parameter]:
        """Return canonical name -> parameter."""
        return {
            f"{site.name}.{name}": parameter
            for site, weights in zip(self.sites, self._weights, strict=True)
            for name, parameter in weights.items()
        }

    def delta(self, index: int, at: At) -> Tensor:
        """Return what the part adds at the site of that index, (B, T, outputs)."""
        weights: Mapping[str, Tensor] = dict(self._weights[index].items())
        return self.part.module.delta(self.sites[index], at, weights)
