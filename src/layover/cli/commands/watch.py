"""watch: follow a sweep that another process runs."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from layover.cli.console import complain
from layover.cli.shared import (
    DEFAULT_STORE,
    JsonOption,
    Overrides,
    Planned,
    RecipeArgument,
    StoreOption,
    planned,
    with_cache,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from layover.cli.state import SweepState

ORDER = 45
COST_TIMES = 20.0
"""The time between two looks is at least this many times what a look takes."""


def command(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    *,
    store: StoreOption = DEFAULT_STORE,
    once: Annotated[bool, typer.Option("--once", help="Show the state once, and end.")] = False,
    every: Annotated[float, typer.Option(min=0.1, max=86_400, help="Seconds between two looks.")] = 2.0,
    json: JsonOption = False,
) -> None:
    """Follow a sweep that another process runs on the same store, until it ends; only read the store."""
    from layover.cli.state import state_of
    from layover.cli.watching import display

    again = partial(planned, recipe, overrides, store)
    prepared = again()
    if not prepared.store.is_there:
        complain(f"there is no store at {Path(store).absolute()}, so nothing runs; use --store to name its folder")
    with display(as_json=json, once=once) as show:
        while True:
            started = time.monotonic()
            state = state_of(prepared, shared=True)
            show(state)
            if once or _is_over(state):
                break
            time.sleep(max(every, COST_TIMES * (time.monotonic() - started)))
            prepared = _later(prepared, again)
    if not once and not state.complete:
        sys.exit(1)


def _is_over(state: SweepState) -> bool:
    """Return whether no run is left, or all cells of this recipe are finished."""
    return not state.sweeps or (state.complete and not state.running)


def _later(prepared: Planned, again: Callable[..., Planned]) -> Planned:
    """Return the plan as a run has it by now: a choice adds nodes, a data set of known size adds hidden states."""
    if prepared.plan.pending or any(choice.chosen is None for choice in prepared.plan.rounds):
        return again(again=prepared.recipe)
    finished = prepared.store.finished()
    return replace(prepared, plan=with_cache(prepared.plain, prepared.store, finished))
