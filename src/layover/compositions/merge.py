"""merge: intermediates are folded into the frozen weights, and a fresh target module is trained on top, or none.

Every method is defined on the *deltas* of the linear maps, D_i = (alpha / rank) B A of a LoRA, with weights w_i:

    exact      sum of w_i D_i: the LoRA of concatenated ranks
    svd        the best approximation of that sum of a given rank (Eckart and Young)
    magnitude  the same sum, of each D_i only the share `density` of largest entries
    dare       the same sum, of each D_i a random share `density` of the entries, divided by `density`
               (Yu et al. 2024, arXiv:2311.03099)
    ties       of each D_i the share `density` of largest entries; per entry the sign with the larger weighted sum; the
               weighted mean of the entries with that sign (Yadav et al. 2023, arXiv:2306.01708), times sum |w_i|

Shares are counted per linear map. With equal weights lambda / K `ties` is lambda times the mean of the paper, and where
no signs conflict and nothing is trimmed it is the exact sum. (peft's `linear` sums A and B on their own, and is none of
these.)
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
"""Entries that are kept when the recipe names no share; for `ties` that of its paper."""


def _numbers(value: object) -> object:
    """Refuse weights of another form, and such as merge nothing; with one message for all forms."""
    numbers = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else [value]
    if value is None:
        return None
    if not all(isinstance(number, (int, float)) and not isinstance(number, bool) for number in numbers):
        raise ValueError(
            f"{value!r} are no weights; write a number, or one for each intermediate: {{mnli: 0.7, squad: 0.3}}"
        )
    if not any(numbers):
        raise ValueError("merging needs a weight other than 0")
    return value


class Merge(OnTop):
    """One fold, then the target's module."""

    name: ClassVar[str] = "merge"
    takes_several: ClassVar[bool] = True
    participle: ClassVar[str] = "merged"
    folds: ClassVar[bool] = True

    method: Literal["exact", "svd", "ties", "dare", "magnitude"] = "exact"
    weights: Annotated[Weight | dict[str, Weight] | tuple[Weight, ...] | None, BeforeValidator(_numbers)] = None
    """One number for all intermediates, or `{mnli: 0.7, squad: 0.3}`; 1 / K of K when not given."""
    density: Share | None = None
    """ties, dare, magnitude: share of the entries that are kept."""
    rank: Rank | None = None
    """svd: the module's own rank when not given."""

    @model_validator(mode="after")
    def _settings_of_the_method(self) -> Self:
        for setting, methods in (("density", DENSITY), ("rank", ("svd",))):
            if getattr(self, setting) is not None and self.method not in methods:
                raise ValueError(f"{setting} has no meaning for {self.method}; it belongs to {', '.join(methods)}")
        return self

    def refuses(self, module: Module) -> str:
        """Return why a module cannot be merged: only linear changes add up inside a linear map."""
        reason = super().refuses(module)
        if reason or module.linear:
            return reason
        return "it is no linear change of the frozen weights, so there is nothing to fold in (fuse it instead)"

    def draws(self) -> bool:
        return self.method == "dare"

    def single_is_itself(self) -> bool:
        """Return whether a merge of one module is that module; a merge may trim and weigh it."""
        return False

    def for_intermediates(self, names: Sequence[str]) -> Self:
        """Return the merge with one weight per intermediate."""
        weights = self.weights
        if weights is None:
            found = (1 / len(names),) * len(names)
        elif isinstance(weights, float):
            found = (weights,) * len(names)
        elif isinstance(weights, tuple):
            found = weights
        else:
            for name in names:
                if name not in weights:
                    raise ModelError(f"weights names no weight for {name!r}; {nearest(name, weights)}")
            found = tuple(weights[name] for name in names)
        if len(found) != len(names):
            raise ModelError(f"{len(found)} weights for the {len(names)} intermediates {', '.join(names)}")
        if not any(found):
            raise ModelError(f"the weight of {', '.join(names)} is 0, so nothing would be merged")
        density = DENSITY.get(self.method) if self.density is None else self.density
        return self.model_copy(update={"weights": found, "density": density})

    def named(self) -> tuple[str, ...]:
        return tuple(self.weights) if isinstance(self.weights, dict) else ()

    def reordered(self, order: Sequence[int]) -> Self:
        if not isinstance(self.weights, tuple):
            return self
        return self.model_copy(update={"weights": tuple(self.weights[index] for index in order)})

    def summed(self, names: Sequence[str]) -> tuple[float, ...] | None:
        """Return the weights of the sum; trimmed, dropped or approximated deltas are no sum of the modules."""
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
        how = self.for_intermediates([one.name for one in intermediates])
        weights = how.weights if isinstance(how.weights, tuple) else ()
        sources = [WeightedModule(one, weight, shape) for one, weight in zip(intermediates, weights, strict=True)]
        sites = tuple(dict.fromkeys(site for source in sources for site in source.sites))

        def change(site: Site) -> Tensor:
            return merged(how, sources, site, seed)

        return [Fold(INTERMEDIATE, sites, change), *self._target(module, len(intermediates))]


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


def merged(how: Merge, sources: Sequence[WeightedModule], site: Site, seed: int) -> Tensor:
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


COMPOSITION = Merge
