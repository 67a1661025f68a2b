"""What several verbs need: their common options, and a recipe made into a plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from layover.plan import Plan
    from layover.plan.cost import Meta
    from layover.store import Store

RecipeArgument = Annotated[Path, typer.Argument(help="A recipe, YAML.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="Overrides of the recipe: train.epochs=1 sweep.seed=[1]", show_default=False),
]
StoreOption = Annotated[Path, typer.Option("--store", help="Folder of finished work.", envvar="LAYOVER_STORE")]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, for machines.")]

DEFAULT_STORE = Path("store")

FREE_SHARE = 0.8
"""Of the free disk that kept hidden states may take: the results need some, too."""


@dataclass(frozen=True)
class Planned:
    """A plan beside the store it is held against."""

    plan: Plan
    store: Store
    plain: Plan
    """The plan without a trunk cache."""


def planned(recipe: Path, overrides: list[str] | None, store: Path) -> Planned:
    """Return the plan of a recipe and the store, file hashes and labels remembered there."""
    from layover.plan import build
    from layover.recipe import load
    from layover.store import FileHashes, Memory, Store

    checked = load(recipe, overrides or [])
    hashes, labels = FileHashes(store / "hashes.json"), Memory(store / "labels.json")
    plan = build(checked, hashes, memory=labels)
    opened = Store(store)  # a recipe that cannot be planned leaves no folder behind
    hashes.save()
    labels.save()
    finished = opened.finished()
    plan = replace(plan, notes=(*plan.notes, *_advice(plan, meta_of(opened, finished))))
    return Planned(with_cache(plan, opened, finished), opened, plan)


def _advice(plan: Plan, meta: Meta) -> list[str]:
    """Return what a plan advises, by the examples that are counted or published."""
    from layover.plan import advice
    from layover.plan.cost import data_cost

    def count(key: str) -> int | None:
        return data_cost(plan.nodes[key].inputs, meta(key)).examples

    return advice.notes(plan, count)


def meta_of(store: Store, finished: set[str]) -> Meta:
    """Return what tells the counts of finished data."""
    from layover.steps.counts import counts_of

    return lambda key: counts_of(store, key) if key in finished else None


def with_cache(plan: Plan, store: Store, finished: set[str]) -> Plan:
    """Return a plan with the hidden states that are worth keeping, as far as the recipe and the disk have room."""
    import shutil

    from layover.plan.trunks import with_trunks

    free = FREE_SHARE * shutil.disk_usage(store.root).free
    return with_trunks(plan, meta_of(store, finished), finished, plan.recipe.document.run.trunk_cache, free)
