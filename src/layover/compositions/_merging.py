"""The arithmetic of merging, one linear map at a time; see `merge`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING, Protocol

from layover.compositions._base import AttachedModule
from layover.errors import ModelError
from layover.modules import Site
from layover.shape import Shape

if TYPE_CHECKING:
    from torch import Tensor


class How(Protocol):
    """What of `Merge` the arithmetic needs."""

    @property
    def method(self) -> str: ...
    @property
    def density(self) -> float | None: ...
    @property
    def rank(self) -> int | None: ...


@dataclass(frozen=True, eq=False)
class WeightedModule:
    """One intermediate and its weight."""

    attachment: AttachedModule
    weight: float
    shape: Shape

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """The linear maps that it changes."""
        return self.attachment.module.sites(self.shape)

    def factors(self, site: Site) -> tuple[Tensor, Tensor]:
        """Return what its change of the linear map is the product of, (outputs, r) and (r, inputs) float32."""
        left, right = self.attachment.module.factors(site, self.attachment.at(site))
        return left.float(), right.float()

    def delta(self, site: Site) -> Tensor:
        """Return its change of the linear map, (outputs, inputs) float32; zero where it has none."""
        import torch

        if site not in self.sites:
            return torch.zeros(site.outputs, site.inputs)
        left, right = self.factors(site)
        return left @ right


def merged(how: How, sources: Sequence[WeightedModule], site: Site, seed: int) -> Tensor:
    """Return the change of one linear map, (outputs, inputs) float32.

    Args:
        how: Method, density, rank.
        sources: The intermediates.
        site: The linear map.
        seed: For `dare`; the entries depend on it, on the site and on the place of the intermediate.
    """
    here = [source for source in sources if site in source.sites]
    if how.method == "svd":
        factors = [source.factors(site) for source in here]
        rank = how.rank or max(len(right) for _, right in factors)
        weighted = [(left * source.weight, right) for source, (left, right) in zip(here, factors, strict=True)]
        return approximation(weighted, rank)
    deltas = [source.delta(site) for source in sources]
    weights = [source.weight for source in sources]
    if how.method == "exact":
        return weighted_sum(deltas, weights)
    if how.density is None:
        raise ModelError(f"merge: {how.method} needs a density")
    if how.method == "dare":
        kept = [drop(delta, how.density, f"{seed}:{place}:{site.name}") for place, delta in enumerate(deltas)]
    else:
        kept = [trim(delta, how.density) for delta in deltas]
    return elect(kept, weights) if how.method == "ties" else weighted_sum(kept, weights)


def weighted_sum(deltas: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Return the sum of w_i D_i."""
    import torch

    total = torch.zeros_like(deltas[0])
    for delta, weight in zip(deltas, weights, strict=True):
        total.add_(delta, alpha=weight)
    return total


def approximation(factors: Sequence[tuple[Tensor, Tensor]], rank: int) -> Tensor:
    """Return the nearest matrix of a rank, in the Frobenius norm, to the sum of products of factors.

    Of the product itself nothing is decomposed: its singular values are those of a matrix as small as the ranks' sum.
    """
    import torch

    left, right = torch.cat([one for one, _ in factors], 1), torch.cat([one for _, one in factors], 0)
    outer, inner = torch.linalg.qr(left), torch.linalg.qr(right.T)
    u, values, v = torch.linalg.svd(outer.R @ inner.R.T, full_matrices=False)
    nearest: Tensor = (outer.Q @ (u[:, :rank] * values[:rank])) @ (v[:rank] @ inner.Q.T)
    return nearest


def trim(delta: Tensor, density: float) -> Tensor:
    """Return the `ceil(density n)` largest of the n entries, the others zero; of equals the first."""
    flat = delta.flatten()
    keep = flat.abs().argsort(descending=True, stable=True)[: ceil(density * flat.numel())]
    kept = flat.new_zeros(flat.shape)
    kept[keep] = flat[keep]
    return kept.view_as(delta)


def drop(delta: Tensor, density: float, name: str) -> Tensor:
    """Return each entry with probability `density`, divided by it, and zero otherwise; drawn from a name alone."""
    import torch

    digest = hashlib.sha256(name.encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    keep = torch.rand(delta.shape, generator=generator) < density
    return delta * keep / density


def elect(deltas: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Return per entry the weighted mean of those with the elected sign, times the sum of |w_i|."""
    import torch

    parts = torch.stack([delta * weight for delta, weight in zip(deltas, weights, strict=True)])
    sizes = torch.tensor(weights).abs().view(-1, *[1] * deltas[0].dim())
    # an entry that was trimmed is zero and has no sign; nobody agrees where nothing is left
    agree = (parts.sign() == parts.sum(0).sign()) & (parts != 0)
    share = (agree * sizes).sum(0)
    total: Tensor = (parts * agree).sum(0) * sizes.sum() / torch.where(share > 0, share, torch.ones_like(share))
    return total
