"""The mixing weights of the modules of a cell, read from its predictions."""

from __future__ import annotations

from dataclasses import dataclass

from layover.errors import StoreError
from layover.plan import Cell, Plan
from layover.plan.nodes import spec_at
from layover.specs import OnEncoder
from layover.specs.score import ScoreSpec
from layover.steps.artifacts import read_mixing_weights
from layover.store import Store


@dataclass(frozen=True)
class MixingWeight:
    """The mixing weight of one module at one site, averaged over the tokens of one language."""

    language: str
    layer: int
    place: str
    member: str
    value: float
    """From 0 to 1."""


def mixing_weights_of(plan: Plan, store: Store, cell: Cell) -> tuple[MixingWeight, ...]:
    """Return the mixing weights of a cell; empty if nothing is mixed, or if a language has no predictions yet."""
    members = _members(plan, cell)
    scored = spec_at(plan.nodes, cell.score, ScoreSpec)
    if not members or not all(store.has(key) for key, _ in scored.predictions.values()):
        return ()  # means over different languages are not comparable
    # a plan sorts modules by their keys; the report uses the order of the recipe, with the target's module last
    listed = plan.recipe.learned(cell.intermediate)
    ranks = {name: place for place, name in enumerate(listed)}
    order = sorted(range(len(members)), key=lambda place: ranks.get(members[place], len(listed)))
    weights = []
    for language, (key, _) in scored.predictions.items():
        for site, values in read_mixing_weights(store, key).items():
            _, layer, place = site.split(".")
            if len(values) != len(members):
                raise StoreError(f"node {key[:12]}: {len(values)} mixing weights at {site} for {len(members)} modules")
            weights += [MixingWeight(language, int(layer), place, members[index], values[index]) for index in order]
    return tuple(weights)


def _members(plan: Plan, cell: Cell) -> tuple[str, ...]:
    """Return the names of the mixed modules of a cell, in the order of the mixing weights."""
    if cell.train is None:
        return ()
    start = spec_at(plan.nodes, cell.train, OnEncoder).start
    return () if start.composition is None else start.composition.mixes([module.name for module in start.learned])
