"""What the mixes of a plan took of their members, read from the predictions of each cell."""

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
class Share:
    """How much is taken of one member at one place, the mean over the tokens of one language."""

    language: str
    layer: int
    place: str
    member: str
    value: float
    """From 0 to 1."""


def shares_of(plan: Plan, store: Store, cell: Cell) -> tuple[Share, ...]:
    """Return the shares of a cell; nothing where nothing is mixed, or while a language is not predicted."""
    members = _members(plan, cell)
    scored = spec_at(plan.nodes, cell.score, ScoreSpec)
    if not members or not all(store.has(key) for key, _ in scored.predictions.values()):
        return ()  # a mean over fewer languages would not be comparable
    # a plan sorts them by their keys; people read them as the recipe lists them, and the target's own last
    listed = plan.recipe.learned(cell.intermediate)
    ranks = {name: place for place, name in enumerate(listed)}
    order = sorted(range(len(members)), key=lambda place: ranks.get(members[place], len(listed)))
    found = []
    for language, (key, _) in scored.predictions.items():
        for site, values in read_mixing_weights(store, key).items():
            _, layer, place = site.split(".")
            if len(values) != len(members):
                raise StoreError(f"node {key[:12]}: {len(values)} shares at {site} for {len(members)} modules")
            found += [Share(language, int(layer), place, members[one], values[one]) for one in order]
    return tuple(found)


def _members(plan: Plan, cell: Cell) -> tuple[str, ...]:
    """Return the names of what a cell mixes, in the order of the shares."""
    if cell.train is None:
        return ()
    start = spec_at(plan.nodes, cell.train, OnEncoder).start
    return () if start.composition is None else start.composition.mixes([one.name for one in start.learned])
