"""status: show the progress of a sweep."""

from __future__ import annotations

from layover.cli.console import answer, complain, say, table
from layover.cli.shared import DEFAULT_STORE, JsonOption, Overrides, RecipeArgument, StoreOption, planned

ORDER = 40


def command(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    *,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Show the number of finished cells of each target, and the failed nodes."""
    from layover.cli.state import state_of

    prepared = planned(recipe, overrides, store)
    if not prepared.store.is_there:
        complain(f"there is no store at {store.absolute()}, so nothing is finished; use --store to name its folder")
    state = state_of(prepared)
    if json:
        older = {"nodes": len(prepared.older), "bytes": sum(prepared.older.values())}
        answer({**state.values(), "damaged": dict(prepared.damaged), "older": older})
        return
    cells = [[name, str(done), str(total)] for name, (done, total) in state.cells.items()]
    say(*table(["target", "finished", "cells"], cells))
    say(f"work left: {state.time()}")
    for line in state.waits():
        say(line)
    say(state.count())
    for lock in state.at_work:
        say(f"at work: {lock}")
    for node in state.running:
        say(f"running: {node}")
    for line in state.failed():
        say(line)
