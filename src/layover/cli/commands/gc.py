"""gc: make room in the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from layover.cli.console import answer, say, size
from layover.cli.shared import DEFAULT_STORE, JsonOption, StoreOption, older, with_cache
from layover.errors import StoreError

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
    """Remove what no given recipe reaches, what an older version made, what is damaged, and more if --keep says so."""
    from layover.errors import nearest
    from layover.plan import build
    from layover.plan.collect import POLICIES, removable
    from layover.plan.hub import told
    from layover.recipe import load
    from layover.store import FileHashes, Memory, Store
    from layover.store.hashes import HASHES
    from layover.store.memory import LABELS

    if keep not in POLICIES:
        raise StoreError(f"--keep {keep!r} is not known; {nearest(keep, POLICIES)}")
    if not recipes:
        raise StoreError("name the recipes whose work is to be kept: layover gc recipes/*.yaml")
    opened = Store(store)
    if yes and (running := opened.sweeps_running()):
        raise StoreError(f"{running} sweep(s) are running on {store}; stop them first")
    hashes, labels = FileHashes(store / HASHES), Memory(store / LABELS)
    plans = [build(load(recipe), hashes, memory=labels) for recipe in recipes]
    unresolved = [one for plan in plans for one in plan.unresolved]
    if unresolved:
        raise StoreError(
            "hub revisions are not resolved, without which nothing in the store is known to belong to these recipes, "
            f"and all of it would go: {told(unresolved)}"
        )
    finished = opened.finished()
    plans = [with_cache(plan, opened, finished) for plan in plans]
    reached, looks = {key for plan in plans for key in plan.nodes}, opened.survey()
    damaged = sorted({key for key, look in looks.items() if look.damage is not None} | opened.damaged.keys())
    gone = removable(opened, plans, keep)
    aged = sorted(older(looks, reached).keys() & set(gone))
    freed = sum(
        opened.remove(key) if yes else opened.size_of(key) for key in {*gone, *(key for key in damaged if key in looks)}
    )
    freed += opened.sweep_up(keep=reached, remove=yes)
    result: dict[str, Any] = {"removed": yes, "nodes": gone, "older": aged, "damaged": damaged, "bytes": freed}
    if json:
        answer(result)
        return
    say(f"{len(gone)} nodes, {size(freed)} {'removed' if yes else 'would go; add --yes to remove them'}")
    if aged:
        say(f"{len(aged)} of them {'were' if len(aged) > 1 else 'was'} made by an older version of Layover")
    if damaged:
        are = "nodes are" if len(damaged) > 1 else "node is"
        say(f"{len(damaged)} damaged {are} counted in the bytes, too")
