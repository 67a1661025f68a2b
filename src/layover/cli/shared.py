"""Options that several commands share, and the plan of a recipe."""

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

RecipeArgument = Annotated[Path, typer.Argument(help="Recipe file (YAML).", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="Changes of recipe values: train.epochs=1 sweep.seed=[1]", show_default=False),
]
StoreOption = Annotated[
    Path, typer.Option("--store", help="Folder with the finished nodes.", envvar="LAYOVER_STORE", readable=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

Cells = Annotated[
    list[str] | None,
    typer.Argument(
        help="Labels of cells, or first digits of the keys of their scores; `path=value` changes the recipe.",
        show_default=False,
    ),
]

DEFAULT_STORE = Path("store")

FREE_SHARE = 0.8
"""Largest share of the free disk for cached hidden states; the results need the rest."""


def names_and_overrides(arguments: list[str] | None) -> tuple[list[str], list[str]]:
    """Return the names of cells among the arguments of a command, and the overrides."""
    given = arguments or []
    return [text for text in given if "=" not in text], [text for text in given if "=" in text]


@dataclass(frozen=True)
class Planned:
    """A plan, and the store that it was compared with."""

    plan: Plan
    store: Store
    plain: Plan
    """The plan without a hidden-state cache."""
    damaged: Mapping[str, str]
    """Key -> reason, of the plan's nodes that changed after they were written; they count as not finished."""
    older: Mapping[str, int]
    """Key -> bytes, of the store's nodes that an older version made and this version does not use."""
    recipe: Recipe
    """The checked recipe."""


def planned(
    recipe: Path,
    overrides: list[str] | None,
    store: Path,
    *,
    computes: bool = False,
    needed: bool = False,
    provisional: bool = False,
    again: Recipe | None = None,
) -> Planned:
    """Return the plan of a recipe and the store; the store keeps file hashes and labels for the next plan.

    Unusable nodes are reported on standard error. Only a command that computes nodes creates an absent store.

    Args:
        recipe: The recipe file.
        overrides: Overrides of the recipe, `path=value`.
        store: The folder of the store.
        computes: Whether the command computes nodes; it then sets damaged nodes aside and reports them itself.
        needed: Whether an absent store is an error.
        provisional: Whether the command accepts keys that may change, because hub commits are unknown.
        again: The checked recipe of an earlier call; nothing is then reported again.

    Raises:
        LayoverError: the recipe is wrong, or the commits that it needs are unknown.
    """
    from layover.cli.console import complain
    from layover.cli.trackers import check_tracker
    from layover.plan.rounds import without_result
    from layover.plan.stored import plan_beside
    from layover.recipe import load
    from layover.store import Store
    from layover.store.locks import GC

    checked = again or load(recipe, overrides or [])
    if computes:
        check_tracker(checked)
    opened = Store.existing(store) if needed else Store(store, create=False)
    made = plan_beside(checked, store, provisional=provisional)
    plan = made.plan
    if computes:
        opened = Store(store)  # a recipe that cannot be planned leaves no folder behind
        opened.locks.wait((GC,), complain)
    if opened.is_there:
        made.remember()
    looks = opened.survey()
    damaged = {key: look.damage for key, look in looks.items() if look.damage is not None and key in plan.nodes}
    finished = opened.finished()
    plan = replace(
        plan,
        diverged=without_result(plan.nodes, opened),
        again=frozenset({*damaged, *(opened.damaged.keys() & plan.nodes.keys())}),
        notes=(*plan.notes, *_by_counts(plan, meta_of(opened, finished))),
    )
    result = Planned(with_cache(plan, opened, finished), opened, plan, damaged, older(looks, plan.nodes), checked)
    if again is None:
        _report(result, computes=computes)
    return result


def older(looks: Mapping[str, Look], used: Container[str]) -> dict[str, int]:
    """Return key -> bytes of the nodes that an older version of Layover made and that no plan can use any more.

    Imports of version 0.1 are not listed: an import depends on no other node, and its step is unchanged.

    Args:
        looks: The state of each node of a store.
        used: Keys of the nodes that plans use.
    """
    from layover import specs

    versions = {step: specs.get(step).version for step in specs.steps()}
    whole = {key: look for key, look in looks.items() if look.damage is None and key not in used}
    return {
        key: look.bytes
        for key, look in whole.items()
        if (not look.sealed and look.kind != "import") or look.version < versions.get(look.kind, look.version + 1)
    }


def _report(planned: Planned, *, computes: bool) -> None:
    """Report the unusable nodes of the store: one line for damaged nodes, one for old ones."""
    from layover.cli.console import complain, size

    if planned.damaged and not computes:
        key, reason = next(iter(planned.damaged.items()))
        count, label = len(planned.damaged), planned.plain.nodes[key].label
        more = f" and {count - 1} more; `layover run` computes them again"
        end = more if count > 1 else "; `layover run` computes it again"
        are = "nodes are damaged and count" if count > 1 else "node is damaged and counts"
        complain(f"{count} {are} as not finished: {label} ({reason}){end}")
    if planned.older:
        count, room = len(planned.older), size(sum(planned.older.values()))
        several = ("nodes", "were", "their results are", "them")
        nodes, made, unused, them = several if count > 1 else ("node", "was", "its result is", "it")
        complain(
            f"{count} {nodes} ({room}) {made} made by an older version of Layover; {unused} not used; "
            f"`layover gc RECIPE... --yes` removes {them}"
        )


def _by_counts(plan: Plan, meta: Meta) -> list[str]:
    """Return the notes on the rows of finished data, and the advice that depends on the number of examples."""
    from layover.estimates import advice
    from layover.estimates.cost import data_cost
    from layover.plan import rows
    from layover.plan.nodes import spec_at
    from layover.specs.tokenize import TokenizeSpec

    def count(key: str) -> int | None:
        return data_cost(spec_at(plan.nodes, key, TokenizeSpec), meta(key)).examples

    return [*rows.encoded(plan, meta), *advice.notes(plan, count)]


def meta_of(store: Store, finished: set[str]) -> Meta:
    """Return a function: key of a finished data set -> its counts, or None."""
    from layover.errors import StoreError
    from layover.steps.artifacts import load_meta

    def counts(key: str) -> Mapping[str, Any] | None:
        try:
            return load_meta(store, key) if key in finished else None
        except StoreError:
            return None  # damaged in the meantime, and set aside: a run computes it again

    return counts


def with_cache(plan: Plan, store: Store, finished: set[str]) -> Plan:
    """Return a plan that caches the most useful hidden states, within the limits of the recipe and the disk."""
    import shutil

    from layover.estimates.hidden_state_cache import with_hidden_states

    free = FREE_SHARE * shutil.disk_usage(existing_above(store.root)).free
    budget = plan.recipe.document.run.hidden_state_cache
    return with_hidden_states(plan, meta_of(store, finished), finished, budget, free)


def existing_above(folder: Path) -> Path:
    """Return a folder, or its nearest parent that exists."""
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if os.path.lexists(place))
