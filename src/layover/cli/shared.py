"""What several verbs need: their common options, and a recipe made into a plan."""

from __future__ import annotations

import os
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from layover.plan import Plan
    from layover.plan.nodes import Meta
    from layover.recipe import Recipe
    from layover.store import Look, Store

RecipeArgument = Annotated[Path, typer.Argument(help="A recipe, YAML.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="Overrides of the recipe: train.epochs=1 sweep.seed=[1]", show_default=False),
]
StoreOption = Annotated[
    Path, typer.Option("--store", help="Folder of finished work.", envvar="LAYOVER_STORE", readable=False)
]
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
    """The plan without a hidden-state cache."""
    damaged: Mapping[str, str]
    """Key -> why; nodes of the plan that were changed after they were written, and count as not finished."""
    older: Mapping[str, int]
    """Key -> bytes; nodes of the store that an older version made and this one does not use."""
    recipe: Recipe
    """As it was checked."""


def planned(
    recipe: Path,
    overrides: list[str] | None,
    store: Path,
    *,
    mends: bool = False,
    needed: bool = False,
    provisional: bool = False,
    again: Recipe | None = None,
) -> Planned:
    """Return the plan of a recipe and the store, file hashes and labels remembered there.

    What of the store cannot be used is said on standard error. Only a verb that mends makes a store that is absent.

    Args:
        recipe: The file.
        overrides: Of it.
        store: The folder.
        mends: Whether the verb computes nodes: it sets damaged ones aside, and says so itself.
        needed: Whether the verb is of no use without a store.
        provisional: Whether the verb takes a plan whose keys are not final, since commits are not known.
        again: The recipe as it was checked, where the verb has planned before, and has said what there is to say.

    Raises:
        LayoverError: the recipe is wrong, or commits that it needs are not known.
    """
    from layover.cli.console import complain
    from layover.errors import ModelError
    from layover.plan import build
    from layover.plan.choices import Choices
    from layover.plan.hub import unresolved_message
    from layover.plan.rounds import chooser_of
    from layover.recipe import load
    from layover.store import FileHashes, Memory, Store
    from layover.store.hashes import HASHES
    from layover.store.locks import GC
    from layover.store.memory import LABELS

    checked = again or load(recipe, overrides or [])
    opened = Store.existing(store) if needed else Store(store, create=False)
    hashes, labels = FileHashes(store / HASHES), Memory(store / LABELS)
    chooser, choices = chooser_of(checked), Choices(store)
    plan = build(checked, hashes, memory=labels, chooser=chooser, choices=choices)
    if plan.unresolved and not provisional:
        raise ModelError(unresolved_message(plan.unresolved))
    if mends:
        opened = Store(store)  # a recipe that cannot be planned leaves no folder behind
        opened.locks.wait((GC,), complain)
    if opened.is_there:
        hashes.save()
        labels.save()
    looks = opened.survey()
    damaged = {key: look.damage for key, look in looks.items() if look.damage is not None and key in plan.nodes}
    finished = opened.finished()
    plan = replace(
        plan,
        again=frozenset({*damaged, *(opened.damaged.keys() & plan.nodes.keys())}),
        notes=(*plan.notes, *_by_counts(plan, meta_of(opened, finished))),
    )
    found = Planned(with_cache(plan, opened, finished), opened, plan, damaged, older(looks, plan.nodes), checked)
    if again is None:
        _tell(found, mends=mends)
    return found


def older(looks: Mapping[str, Look], used: Container[str]) -> dict[str, int]:
    """Return the nodes that an older version of Layover made and that no plan can use any more, with their bytes.

    What version 0.1 imported is not among them: an import rests on no other node, and its step is the same today.

    Args:
        looks: At all nodes of a store.
        used: Keys of nodes that plans do use.
    """
    from layover import specs

    versions = {step: specs.get(step).version for step in specs.steps()}
    whole = {key: look for key, look in looks.items() if look.damage is None and key not in used}
    return {
        key: look.bytes
        for key, look in whole.items()
        if (not look.sealed and look.kind != "import") or look.version < versions.get(look.kind, look.version + 1)
    }


def _tell(found: Planned, *, mends: bool) -> None:
    """Say which nodes of the store count for nothing, in a line each for damaged and for old ones."""
    from layover.cli.console import complain, size

    if found.damaged and not mends:
        key, reason = next(iter(found.damaged.items()))
        count, label = len(found.damaged), found.plain.nodes[key].label
        more = f" and {count - 1} more; `layover run` computes them again"
        end = more if count > 1 else "; `layover run` computes it again"
        are = "nodes are damaged and count" if count > 1 else "node is damaged and counts"
        complain(f"{count} {are} as not finished: {label} ({reason}){end}")
    if found.older:
        count, room = len(found.older), size(sum(found.older.values()))
        several = ("nodes", "were", "their results are", "them")
        nodes, made, unused, them = several if count > 1 else ("node", "was", "its result is", "it")
        complain(
            f"{count} {nodes} ({room}) {made} made by an older version of Layover; {unused} not used; "
            f"`layover gc RECIPE... --yes` removes {them}"
        )


def _by_counts(plan: Plan, meta: Meta) -> list[str]:
    """Return what finished data tell of their rows, and what a plan advises by the examples there are."""
    from layover.estimates import advice
    from layover.estimates.cost import data_cost
    from layover.plan import rows
    from layover.plan.nodes import spec_at
    from layover.specs.tokenize import TokenizeSpec

    def count(key: str) -> int | None:
        return data_cost(spec_at(plan.nodes, key, TokenizeSpec), meta(key)).examples

    return [*rows.encoded(plan, meta), *advice.notes(plan, count)]


def meta_of(store: Store, finished: set[str]) -> Meta:
    """Return what tells the counts of finished data."""
    from layover.errors import StoreError
    from layover.steps.artifacts import load_meta

    def counts(key: str) -> Mapping[str, Any] | None:
        try:
            return load_meta(store, key) if key in finished else None
        except StoreError:
            return None  # damaged since, and set aside: a run computes it again

    return counts


def with_cache(plan: Plan, store: Store, finished: set[str]) -> Plan:
    """Return a plan with the hidden states that are worth keeping, as far as the recipe and the disk have room."""
    import shutil

    from layover.estimates.hidden_state_cache import with_hidden_states

    free = FREE_SHARE * shutil.disk_usage(there_above(store.root)).free
    budget = plan.recipe.document.run.hidden_state_cache
    return with_hidden_states(plan, meta_of(store, finished), finished, budget, free)


def there_above(folder: Path) -> Path:
    """Return a folder, or the nearest one above it that is there."""
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if os.path.lexists(place))
