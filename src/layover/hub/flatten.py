"""The merge of several modules into one module: of a stack, or of an exact merge and the module trained on top of it.

Linear modules are added (`modules._sum`). For other modules their class defines the merged module (`Module.joined`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from layover.compositions import AttachedModule, Composition
from layover.errors import ModelError
from layover.layouts import Base
from layover.modules import Module, Site
from layover.modules._sum import summed

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Term:
    """A module in a merge of several modules."""

    part: AttachedModule
    """The module with its weights."""
    factor: float
    """The factor of its change."""
    from_layer: int
    """The lowest layer that it acts in."""

    def sites(self, base: Base) -> list[Site]:
        """Return the sites where it acts."""
        return [site for site in self.part.module.sites(base.shape) if site.layer >= self.from_layer]


def refuses(composition: Composition | None, modules: Sequence[Module], names: Sequence[str]) -> str:
    """Return the reason why the modules of a training cannot be merged into one, or an empty text.

    Args:
        composition: The composition of the intermediates; None without intermediates.
        modules: All modules, the modules of the intermediates first.
        names: The names of the intermediates.
    """
    if composition is None:
        return "it is already a single module; omit --flatten"
    if reason := composition.not_one(names):
        return reason
    unweighted = not any(factor != 1.0 for factor in composition.summed(names) or ())
    if all(module.linear for module in modules) or (unweighted and _of_one_kind(modules)):
        return ""
    other = next(module.name for module in modules if not module.linear)
    return (
        f"{other} does not change the frozen weights linearly, so several modules cannot be merged into one; export it "
        "without --flatten"
    )


def _of_one_kind(modules: Sequence[Module]) -> bool:
    """Return whether all modules have the same class, and this class defines `joined`."""
    return len({type(module) for module in modules}) == 1 and modules[0].states("joined")


def terms_of(
    composition: Composition, parts: Sequence[AttachedModule], target: AttachedModule | None, skipped: int
) -> list[Term]:
    """Return the modules to merge.

    Args:
        composition: A composition that `refuses` accepts.
        parts: The intermediates, in the order of the composition.
        target: The module that was trained on top of them; None without one.
        skipped: The number of lowest layers without modules; modules merged into the frozen weights act there, too.
    """
    factors = composition.summed([part.name for part in parts])
    if factors is None:
        raise ModelError(f"{composition.name} is not a sum of its modules")
    below = 0 if composition.folds else skipped
    terms = [Term(part, factor, below) for part, factor in zip(parts, factors, strict=True) if factor]
    return terms if target is None else [*terms, Term(target, 1.0, skipped)]


def flattened(terms: Sequence[Term], base: Base) -> tuple[Module, dict[str, Tensor]]:
    """Return the merged module, and its weights by canonical name.

    Args:
        terms: See `terms_of`; all linear, or all of the same class that defines `joined`.
        base: The encoder.

    Raises:
        ModelError: the modules cannot be merged, or no module acts in the layers that are used for predictions.
    """
    if not any(term.sites(base) for term in terms):
        raise ModelError(
            "no module acts in the layers that are used for predictions, so --flatten has nothing to merge"
        )
    modules = [term.part.module for term in terms]
    if all(module.linear for module in modules):
        return _sum(terms, base)
    weights: dict[Site, list[Mapping[str, Tensor]]] = {}
    for term in terms:
        for site in term.sites(base):
            weights.setdefault(site, []).append(term.part.at(site))
    return modules[0].joined(weights, base.shape)


def _sum(terms: Sequence[Term], base: Base) -> tuple[Module, dict[str, Tensor]]:
    products: dict[Site, list[tuple[Tensor, Tensor]]] = {}
    for term in terms:
        for site in term.sites(base):
            left, right = term.part.module.factors(site, term.part.at(site))
            products.setdefault(site, []).append((left * term.factor, right))
    return summed(products, base.shape)
