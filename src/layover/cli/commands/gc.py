"""gc: make room in the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layover.cli.console import answer, complain, say, size
from layover.cli.shared import DEFAULT_STORE, JsonOption, StoreOption, older, with_cache
from layover.errors import StoreError

if TYPE_CHECKING:
    from layover.plan import Plan
    from layover.store import FileHashes, Store

ORDER = 80


def command(
    recipes: Annotated[list[Path] | None, typer.Argument(help="Recipes whose work is kept.")] = None,
    *,
    store: StoreOption = DEFAULT_STORE,
    keep: Annotated[
        str,
        typer.Option(
            help="all | modules (drop full checkpoints that nothing unfinished needs) | records (only scores)."
        ),
    ] = "all",
    yes: Annotated[bool, typer.Option("--yes", help="Remove; without it only say what would go.")] = False,
    json: JsonOption = False,
) -> None:
    """Remove what no given recipe reaches, what an older version made, what is damaged, and more if --keep says so.

    With --yes it waits until no run works on the store, and says for whom it waits; Ctrl-C stops waiting.
    """
    from layover.errors import nearest
    from layover.plan.collect import POLICIES
    from layover.store import Store

    if keep not in POLICIES:
        raise StoreError(f"--keep {keep!r} is not known; {nearest(keep, POLICIES)}")
    if not recipes:
        raise StoreError("name the recipes whose work is to be kept: layover gc recipes/*.yaml")
    opened = Store.existing(store)
    hashes = opened.hashes
    plans = _plans(recipes, opened, hashes)  # a mistake in a recipe is told before any waiting
    if yes:
        with opened.locks.collect(complain) as check:  # what goes is decided when no one else works on the store
            result = _collect(opened, _plans(recipes, opened, hashes), keep, check)
    else:
        result = _collect(opened, plans, keep, None)
    if json:
        answer(result)
    else:
        _tell(result)


def _plans(recipes: list[Path], store: Store, hashes: FileHashes) -> list[Plan]:
    """Return the plans of the recipes as they are now.

    Args:
        recipes: Their files.
        store: Remembers what earlier plans found.
        hashes: Of data files; one that has changed since is read again.

    Raises:
        StoreError: some keys of them are not known.
    """
    from layover.plan import build
    from layover.plan.choices import Choices
    from layover.plan.hub import unresolved_message
    from layover.plan.rounds import chooser_of
    from layover.recipe import load
    from layover.store import Memory
    from layover.store.memory import LABELS

    labels, choices = Memory(store.root / LABELS), Choices(store.root)
    checked = [load(recipe) for recipe in recipes]
    plans = [build(one, hashes, memory=labels, chooser=chooser_of(one), choices=choices) for one in checked]
    if unresolved := [one for plan in plans for one in plan.unresolved]:
        raise StoreError(
            "hub revisions are not resolved, without which nothing in the store is known to belong to these recipes, "
            f"and all of it would go: {unresolved_message(unresolved)}"
        )
    return plans


def _collect(store: Store, plans: list[Plan], keep: str, check: Callable[[], None] | None) -> dict[str, Any]:
    """Return what goes, for machines; with a check it is removed, and the check is called before each removal."""
    from layover.plan.collect import removable
    from layover.store.leftovers import sweep_up

    finished = store.finished()
    plans = [with_cache(plan, store, finished) for plan in plans]
    reached, looks = {key for plan in plans for key in plan.nodes}, store.survey()
    damaged = sorted({key for key, look in looks.items() if look.damage is not None} | store.damaged.keys())
    gone = removable(store, plans, keep)
    freed = 0
    for key in sorted({*gone, *(key for key in damaged if key in looks)}):
        if check is None:
            freed += store.size_of(key)
        else:
            check()
            freed += store.remove(key)
    freed += sweep_up(store, reached, check)
    aged = sorted(older(looks, reached).keys() & set(gone))
    return {"removed": check is not None, "nodes": gone, "older": aged, "damaged": damaged, "bytes": freed}


def _tell(result: dict[str, Any]) -> None:
    gone, aged, damaged = result["nodes"], result["older"], result["damaged"]
    say(f"{len(gone)} nodes, {size(result['bytes'])} "
        f"{'removed' if result['removed'] else 'would go; add --yes to remove them'}")  # fmt: skip
    if aged:
        say(f"{len(aged)} of them {'were' if len(aged) > 1 else 'was'} made by an older version of Layover")
    if damaged:
        are = "nodes are" if len(damaged) > 1 else "node is"
        say(f"{len(damaged)} damaged {are} counted in the bytes, too")
