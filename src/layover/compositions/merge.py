"""merge: fold the intermediates into the frozen weights, and train a fresh target module on top, or none.

Every method is defined on the *deltas* of the linear maps, D_i = (alpha / rank) B A of a LoRA, with weights w_i:

    exact      the sum of w_i D_i: the LoRA of concatenated ranks
    svd        the best approximation of that sum with a given rank (Eckart and Young)
    magnitude  the same sum, with only the share `density` of largest entries of each D_i
    dare       the same sum, with a random share `density` of the entries of each D_i, divided by `density`
               (Yu et al. 2024, arXiv:2311.03099)
    ties       keep the share `density` of largest entries of each D_i; elect per entry the sign with the larger
               weighted sum; take the weighted mean of the entries with that sign (Yadav et al. 2023,
               arXiv:2306.01708), times sum |w_i|

Shares are counted per linear map. With equal weights lambda / K, `ties` is lambda times the mean of the paper. If no
signs conflict and nothing is trimmed, it is the exact sum. (The `linear` of peft sums A and B separately and differs
from all of these.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, model_validator

from layover.compositions._base import INTERMEDIATE, AttachedModule, Attachment, Fold
from layover.compositions._on_top import OnTop
from layover.errors import ModelError, nearest
from layover.escape import listed
from layover.modules import Module, Site
from layover.settings import Rank, Share, Weight
from layover.shape import Shape

if TYPE_CHECKING:
    from torch import Tensor

DENSITY: Mapping[str, float] = {"ties": 0.2, "dare": 0.5, "magnitude": 0.5}
"""Method -> the share of entries that is kept if the recipe sets no density; for `ties` the value of its paper."""


def _numbers(value: object) -> object:
    """Refuse weights of an unknown form, and weights that are all 0; one message covers all forms."""
    numbers = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else [value]
    if value is None:
        return None
    if not all(isinstance(number, (int, float)) and not isinstance(number, bool) for number in numbers):
        raise ValueError(
            f"{value!r} is not a weight; write a number, or one for each intermediate: {{mnli: 0.7, squad: 0.3}}"
        )
    if not any(numbers):
        raise ValueError("all weights are 0, so nothing would be merged; set a weight other than 0")
    return value


class Merge(OnTop):
    """A fold of the intermediates, then the target's module."""

    name: ClassVar[str] = "merge"
    takes_several: ClassVar[bool] = True
    participle: ClassVar[str] = "merged"
    folds: ClassVar[bool] = True

    method: Literal["exact", "svd", "ties", "dare", "magnitude"] = "exact"
    weights: Annotated[Weight | dict[str, Weight] | tuple[Weight, ...] | None, BeforeValidator(_numbers)] = None
    """One number for all intermediates, or `{mnli: 0.7, squad: 0.3}`; the default for K intermediates is 1 / K."""
    density: Share | None = None
    """ties, dare, magnitude: the share of the entries that is kept."""
    rank: Rank | None = None
    """svd: the rank of the approximation; the default is the largest rank of the modules."""

    @model_validator(mode="after")
    def _settings_of_the_method(self) -> Self:
        for setting, methods in (("density", DENSITY), ("rank", ("svd",))):
            if getattr(self, setting) is not None and self.method not in methods:
                raise ValueError(f"{setting} has no effect with {self.method}; it is a setting of {', '.join(methods)}")
        return self

    def refuses(self, module: Module) -> str:
        """Return why a module cannot be merged: only a linear change can be folded into a linear map."""
        reason = super().refuses(module)
        if reason or module.linear:
            return reason
        return "it is not a linear change of the frozen weights, so it cannot be folded in; fuse it instead"

    def draws(self) -> bool:
        return self.method == "dare"

    def single_is_itself(self) -> bool:
        """Return False: a merge can trim and weigh even a single module."""
        return False

    def for_intermediates(self, names: Sequence[str]) -> Self:
        """Return the merge with one weight per intermediate."""
        weights = self.weights
        if weights is None:
            numbers = (1 / len(names),) * len(names)
        elif isinstance(weights, float):
            numbers = (weights,) * len(names)
        elif isinstance(weights, tuple):
            numbers = weights
        else:
            for name in names:
                if name not in weights:
                    raise ModelError(f"weights has no weight for {name!r}; {nearest(name, weights)}")
            numbers = tuple(weights[name] for name in names)
        if len(numbers) != len(names):
            raise ModelError(
                f"weights has {len(numbers)} numbers, but there are {len(names)} intermediates: {', '.join(names)}"
            )
        if not any(numbers):
            raise ModelError(f"the weight of {', '.join(names)} is 0, so nothing would be merged")
        density = DENSITY.get(self.method) if self.density is None else self.density
        return self.model_copy(update={"weights": numbers, "density": density})

    def named(self) -> tuple[str, ...]:
        return tuple(self.weights) if isinstance(self.weights, dict) else ()

    def reordered(self, order: Sequence[int]) -> Self:
        if not isinstance(self.weights, tuple):
            return self
        return self.model_copy(update={"weights": tuple(self.weights[index] for index in order)})

    def summed(self, names: Sequence[str]) -> tuple[float, ...] | None:
        """Return the weights of the sum, or None: a trimmed, dropped or approximated delta is not such a sum."""
        weights = self.for_intermediates(names).weights
        return weights if self.method == "exact" and isinstance(weights, tuple) else None

    def described(self) -> str:
        return f"merge by {self.method}"

    def words(self, *, several: bool) -> str:
        weights = self.weights if isinstance(self.weights, tuple) else ()
        word = "weights" if several else "weight"
        numbers = listed([f"{weight:g}" for weight in weights])
        return f"merged into the encoder's weights (`{self.method}`, {word} {numbers})"

    def _after(
        self, module: Module, intermediates: Sequence[AttachedModule], shape: Shape, seed: int
    ) -> list[Attachment]:
        how = self.for_intermediates([intermediate.name for intermediate in intermediates])
        weights = how.weights if isinstance(how.weights, tuple) else ()
        sources = [
            WeightedModule(intermediate, weight, shape)
            for intermediate, weight in zip(intermediates, weights, strict=True)
        ]
        sites = tuple(dict.fromkeys(site for source in sources for site in source.sites))

        def change(site: Site) -> Tensor:
            return merged(how, sources, site, seed)

        return [Fold(INTERMEDIATE, sites, change), *self._target(module, len(intermediates))]


@dataclass(frozen=True, eq=False)
class WeightedModule:
    """An intermediate and its weight."""

    attachment: AttachedModule
    weight: float
    shape: Shape

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """The linear maps that it changes."""
        return self.attachment.module.sites(self.shape)

    def factors(self, site: Site) -> tuple[Tensor, Tensor]:
        """Return the two factors of its change of the linear map, (outputs, r) and (r, inputs) float32."""
        left, right = self.attachment.module.factors(site, self.attachment.at(site))
        return left.float(), right.float()

    def delta(self, site: Site) -> Tensor:
        """Return its change of the linear map, (outputs, inputs) float32; zeros if it does not change this map."""
        import torch

        if site not in self.sites:
            return torch.zeros(site.outputs, site.inputs)
        left, right = self.factors(site)
        return left @ right


def merged(how: Merge, sources: Sequence[WeightedModule], site: Site, seed: int) -> Tensor:
    """Return the change of one linear map, (outputs, inputs) float32.

    Args:
        how: The settings: method, density and rank.
        sources: The intermediates.
        site: The linear map.
        seed: For `dare`; the kept entries depend on it, on the site and on the index of the intermediate.
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
        kept = [drop(delta, how.density, f"{seed}:{index}:{site.name}") for index, delta in enumerate(deltas)]
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
    """Return the matrix of a given rank that is nearest, in the Frobenius norm, to the sum of products of factors.

    The product itself is not decomposed. Its singular values are the same as those of a small matrix, whose size is the
    sum of the ranks.
    """
    import torch

    left = torch.cat([factor for factor, _ in factors], 1)
    right = torch.cat([factor for _, factor in factors], 0)
    outer, inner = torch.linalg.qr(left), torch.linalg.qr(right.T)
    u, values, v = torch.linalg.svd(outer.R @ inner.R.T, full_matrices=False)
    nearest: Tensor = (outer.Q @ (u[:, :rank] * values[:rank])) @ (v[:rank] @ inner.Q.T)
    return nearest


def trim(delta: Tensor, density: float) -> Tensor:
    """Return the `ceil(density n)` largest of the n entries, and zeros elsewhere; the first of equal entries win."""
    flat = delta.flatten()
    keep = flat.abs().argsort(descending=True, stable=True)[: ceil(density * flat.numel())]
    kept = flat.new_zeros(flat.shape)
    kept[keep] = flat[keep]
    return kept.view_as(delta)


def drop(delta: Tensor, density: float, name: str) -> Tensor:
    """Return each entry divided by `density` with probability `density`, and zero otherwise.

    The random choice depends on the name only.
    """
    import torch

    digest = hashlib.sha256(name.encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    keep = torch.rand(delta.shape, generator=generator) < density
    return delta * keep / density


def elect(deltas: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Return for each entry the weighted mean of the values with the elected sign, times the sum of |w_i|."""
    import torch

    parts = torch.stack([delta * weight for delta, weight in zip(deltas, weights, strict=True)])
    sizes = torch.tensor(weights).abs().view(-1, *[1] * deltas[0].dim())
    # a trimmed entry is zero and has no sign, so it never agrees
    agree = (parts.sign() == parts.sum(0).sign()) & (parts != 0)
    share = (agree * sizes).sum(0)
    total: Tensor = (parts * agree).sum(0) * sizes.sum() / torch.where(share > 0, share, torch.ones_like(share))
    return total


COMPOSITION = Merge
