"""The common base of modules with low-rank updates: their linear maps, ranks and scales."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple, Self

from pydantic import model_validator

from layover.canonical import CanonicalModel, Omitted
from layover.errors import ModelError
from layover.modules._base import LINEARS, LayeredModule, Layers, Linears, Site, numbers_of, site_at
from layover.settings import Factor, Flag, Rank, RankOrNone
from layover.shape import Shape

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


class Pattern(CanonicalModel):
    """A rule for the linear maps `target` of `layers`; an absent setting has the value of the module."""

    target: Linears | None = None
    layers: Layers | None = None
    rank: RankOrNone | None = None
    """0 removes the update."""
    alpha: Factor | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("the rule is empty; set target, layers, rank or alpha")
        if self.rank == 0 and self.alpha is not None:
            raise ValueError("rank 0 removes the update, so alpha has no meaning; remove alpha")
        return self


_SOURCES = {"key": "query", "value": "query"}
"""Linear map -> another linear map with the same input."""


class _Rule(NamedTuple):
    """A pattern with all settings filled in."""

    target: tuple[str, ...]
    layers: str | tuple[int, ...]
    rank: int
    alpha: float


class LowRank(LayeredModule):
    """A module with matrices A (rank, inputs) and B (outputs, rank) at linear maps, initial weights as in peft."""

    placing: ClassVar[frozenset[str]] = frozenset({"rank", "alpha", "target", "layers", "rslora", "patterns"})
    neutral: ClassVar[Mapping[str, float]] = {"B": 0.0}

    rank: Rank = 8
    """Rows of A and columns of B."""
    alpha: Factor = 16.0
    """The update is scaled by alpha / rank."""
    target: Linears = ("query", "value")
    """The linear maps that get an update."""
    rslora: Annotated[Flag, Omitted(value=False)] = False
    """Scale by alpha / sqrt(rank) instead (Kalajdzievski 2023, arXiv:2312.03732)."""
    patterns: Annotated[tuple[Pattern, ...], Omitted(())] = ()
    """Other ranks and alphas for some of the linear maps; if several rules match a map, the last one applies. They may
    name linear maps that `target` and `layers` do not name."""

    def layers_of(self, num_layers: int) -> tuple[int, ...]:
        return tuple(sorted({layer for layer, _ in self._updates(num_layers)}))

    def sites(self, shape: Shape) -> tuple[Site, ...]:
        return tuple(site_at(layer, name, shape) for layer, name in self._updates(shape.layers))

    def weights(self, site: Site) -> dict[str, tuple[int, ...]]:
        """Return the shapes of A (rank, inputs) and B (outputs, rank)."""
        rank = self.rank_and_alpha(site)[0]
        return {"A": (rank, site.inputs), "B": (site.outputs, rank)}

    def initialise(self, site: Site, frozen: nn.Module, generator: Generator) -> dict[str, Tensor]:  # noqa: ARG002
        """Return A with torch's initial weights of a linear map, and B with zeros."""
        import torch

        sizes = self.weights(site)
        a = torch.empty(sizes["A"])
        torch.nn.init.kaiming_uniform_(a, a=5**0.5, generator=generator)
        return {"A": a, "B": torch.zeros(sizes["B"])}

    def kept_numbers(self, shape: Shape) -> int:
        """Count the inputs, once for maps with the same input, and the numbers between A and B."""
        sites = self.sites(shape)
        sources = {(site.layer, _SOURCES.get(site.place, site.place)): site.inputs for site in sites}
        return sum(sources.values()) + sum(self.rank_and_alpha(site)[0] for site in sites)

    def scale(self, site: Site) -> float:
        """Return the factor of B A."""
        rank, alpha = self.rank_and_alpha(site)
        return alpha / (sqrt(rank) if self.rslora else rank)

    def rank_and_alpha(self, site: Site) -> tuple[int, float]:
        """Return the rank of the update at a site, and its alpha.

        Raises:
            ModelError: the site has no update.
        """
        for rule in reversed(self._rules()):
            if site.place in rule.target and site.layer in numbers_of(rule.layers, site.num_layers, self.name):
                return rule.rank, rule.alpha
        raise ModelError(f"{self.name}: no update at {site.name}")

    def _rules(self) -> list[_Rule]:
        rules = [_Rule(self.target, self.layers, self.rank, self.alpha)]
        for pattern in self.patterns:
            rank = self.rank if pattern.rank is None else pattern.rank
            target, layers = pattern.target or self.target, pattern.layers or self.layers
            rules.append(_Rule(target, layers, rank, pattern.alpha or self.alpha))
        return rules

    def _updates(self, num_layers: int) -> list[tuple[int, str]]:
        """Return layer and name of every linear map with an update, layer by layer in the order of their use.

        Raises:
            ModelError: a rule names layers that the encoder does not have, or the rules leave no update.
        """
        ranks: dict[tuple[int, str], int] = {}
        for rule in self._rules():
            for layer in numbers_of(rule.layers, num_layers, self.name):
                ranks.update({(layer, name): rule.rank for name in rule.target})
        kept = [(layer, name) for layer in range(num_layers) for name in LINEARS if ranks.get((layer, name))]
        if not kept:
            raise ModelError(f"{self.name}: the patterns remove every update; leave a rank above 0 somewhere")
        return kept
