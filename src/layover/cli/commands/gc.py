"""gc: free disk space in the store."""

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
    recipes: Annotated[list[Path] | None, typer.Argument(help="Recipes whose nodes are kept.")] = None,
    *,
    store: StoreOption = DEFAULT_STORE,
    keep: Annotated[
        str,
        typer.Option(
            help="all | modules (drop full checkpoints that no unfinished node needs) | records (only scores)."
        ),
    ] = "all",
    yes: Annotated[bool, typer.Option("--yes", help="Remove the nodes; without it, only list them.")] = False,
    json: JsonOption = False,
) -> None:
    """Remove nodes that no given recipe uses, nodes of older versions, damaged nodes, and more as --keep says.

    With --yes it waits until no run uses the store, and names the runs that it waits for; Ctrl-C stops waiting.
    """
    from layover.errors import nearest
    from layover.plan.collect import POLICIES
    from layover.store import Store

    if keep not in POLICIES:
        raise StoreError(f"--keep {keep!r} is unknown; {nearest(keep, POLICIES)}")
    if not recipes:
        raise StoreError("name the recipes whose nodes to keep: layover gc recipes/*.yaml")
    opened = Store.existing(store)
    hashes = opened.hashes
    plans = _plans(recipes, opened, hashes)  # an error in a recipe is reported before any waiting
    if yes:
        with opened.locks.collect(complain) as check:  # planned again, now that no run uses the store
            result = _collect(opened, _plans(recipes, opened, hashes), keep, check)
    else:
        result = _collect(opened, plans, keep, None)
    if json:
        answer(result)
    else:
        _report(result)


def _plans(recipes: list[Path], store: Store, hashes: FileHashes) -> list[Plan]:
    """Return the current plans of the recipes.

    Args:
        recipes: The recipe files.
        store: The store; it keeps the labels and choices of earlier plans.
        hashes: Hashes of data files; a changed file is read again.

    Raises:
        StoreError: some keys are unknown.
    """
    from layover.plan import build
    from layover.plan.choices import Choices
    from layover.plan.hub import unresolved_message
    from layover.recipe import load
    from layover.store import Memory
    from layover.store.memory import LABELS

    labels, choices = Memory(store.root / LABELS), Choices(store.root)
    checked = [load(path) for path in recipes]
    plans = [build(recipe, hashes, memory=labels, choices=choices) for recipe in checked]
    if unresolved := [revision for plan in plans for revision in plan.unresolved]:
        raise StoreError(
            "hub revisions are not resolved, so it is unknown which nodes of the store belong to these recipes; "
            f"nothing is removed: {unresolved_message(unresolved)}"
        )
    return plans


def _collect(store: Store, plans: list[Plan], keep: str, check: Callable[[], None] | None) -> dict[str, Any]:
    """Return the removable nodes as JSON values; with a check, called before each removal, they are removed."""
    from layover.plan.collect import removable
    from layover.plan.nodes import of
    from layover.specs.train import TrainSpec
    from layover.store.leftovers import sweep_up

    finished = store.finished()
    plans = [with_cache(plan, store, finished) for plan in plans]
    reached, looks = {key for plan in plans for key in plan.nodes}, store.survey()
    damaged = sorted({key for key, look in looks.items() if look.damage is not None} | store.damaged.keys())
    unused = removable(store, plans, keep)
    freed = 0
    for key in sorted({*unused, *(key for key in damaged if key in looks)}):
        if check is None:
            freed += store.size_of(key)
        else:
            check()
            freed += store.remove(key)
    begun = {node.spec.whole.key for plan in plans for node in of(plan.nodes, TrainSpec)}
    freed += sweep_up(store, reached | begun, check)
    aged = sorted(older(looks, reached).keys() & set(unused))
    return {"removed": check is not None, "nodes": unused, "older": aged, "damaged": damaged, "bytes": freed}


def _report(result: dict[str, Any]) -> None:
    unused, aged, damaged = result["nodes"], result["older"], result["damaged"]
    say(f"{len(unused)} nodes, {size(result['bytes'])}: "
        f"{'removed' if result['removed'] else 'can be removed; use --yes to remove them'}")  # fmt: skip
    if aged:
        say(f"{len(aged)} of them {'were' if len(aged) > 1 else 'was'} made by an older version of Layover")
    if damaged:
        nodes = "nodes" if len(damaged) > 1 else "node"
        say(f"the bytes include {len(damaged)} damaged {nodes}")
