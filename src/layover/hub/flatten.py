"""Several modules put together into one: a stack, or an exact merge with what was trained on top of it.

Linear ones add up (`modules._sum`). Of other kinds the module itself says what several are together (`Module.joined`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from layover.compositions import AttachedModule, Composition
from layover.errors import ModelError
from layover.layouts import Base
from layover.modules import Module, Site
from layover.modules.lora import summed

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Summand:
    """One of the modules that become one."""

    part: AttachedModule
    """With its weights."""
    factor: float
    """What its change is multiplied by."""
    from_layer: int
    """The lowest layer that it acts in."""

    def sites(self, base: Base) -> list[Site]:
        """Return the places where it acts."""
        return [site for site in self.part.module.sites(base.shape) if site.layer >= self.from_layer]


def refuses(composition: Composition | None, modules: Sequence[Module], names: Sequence[str]) -> str:
    """Return why what was composed is not one module of a layout; empty when it is.

    Args:
        composition: How the intermediates take part; None without any.
        modules: All that act, those of the intermediates first.
        names: Of the intermediates.
    """
    if composition is None:
        return "it is one module already; leave out --flatten"
    if reason := composition.not_one(names):
        return reason
    unweighted = not any(factor != 1.0 for factor in composition.summed(names) or ())
    if all(module.linear for module in modules) or (unweighted and _of_one_kind(modules)):
        return ""
    other = next(module.name for module in modules if not module.linear)
    return f"{other} is no linear change of the frozen weights, so several are not one; export it without --flatten"


def _of_one_kind(modules: Sequence[Module]) -> bool:
    """Return whether they are of one kind that says what several of it are together."""
    return len({type(module) for module in modules}) == 1 and modules[0].states("joined")


def summands(
    composition: Composition, parts: Sequence[AttachedModule], target: AttachedModule | None, skipped: int
) -> list[Summand]:
    """Return what has to be added up.

    Args:
        composition: One that `refuses` has nothing against.
        parts: The intermediates, in the order of the composition.
        target: What was trained on top of them; None where nothing was.
        skipped: Lowest layers that go without modules; what is merged into the frozen weights acts there, too.
    """
    factors = composition.summed([part.name for part in parts])
    if factors is None:
        raise ModelError(f"{composition.name} is no sum of its modules")
    below = 0 if composition.folds else skipped
    found = [Summand(part, factor, below) for part, factor in zip(parts, factors, strict=True) if factor]
    return found if target is None else [*found, Summand(target, 1.0, skipped)]


def flattened(terms: Sequence[Summand], base: Base) -> tuple[Module, dict[str, Tensor]]:
    """Return the one module, and its weights by canonical name.

    Args:
        terms: See `summands`; all linear, or all of one kind that says what several of it are together.
        base: The encoder.

    Raises:
        ModelError: these modules cannot be one; or nothing is left in the layers that
            predict.
    """
    if not any(one.sites(base) for one in terms):
        raise ModelError("no module acts in the layers that predict, so there is nothing to put together")
    modules = [one.part.module for one in terms]
    if all(module.linear for module in modules):
        return _sum(terms, base)
    weights: dict[Site, list[Mapping[str, Tensor]]] = {}
    for one in terms:
        for site in one.sites(base):
            weights.setdefault(site, []).append(one.part.at(site))
    return modules[0].joined(weights, base.shape)


def _sum(terms: Sequence[Summand], base: Base) -> tuple[Module, dict[str, Tensor]]:
    products: dict[Site, list[tuple[Tensor, Tensor]]] = {}
    for one in terms:
        for site in one.sites(base):
            left, right = one.part.module.factors(site, one.part.at(site))
            products.setdefault(site, []).append((left * one.factor, right))
    return summed(products, base.shape)
