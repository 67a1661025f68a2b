"""A sweep that a Python program runs: `layover.run`."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layover import allowed
from layover.cli.libraries import quiet
from layover.cli.shared import planned
from layover.cli.sweep import SweepRun
from layover.cli.trackers import trackers_of
from layover.errors import StoppedError, printable
from layover.stopping import KEPT, Stop, heeding

if TYPE_CHECKING:
    from layover.cli.progress import RunProgress
    from layover.estimates.remaining import Remaining
    from layover.plan import Plan
    from layover.tracking import Callback, SweepEnded

logger = logging.getLogger("layover")


def run(
    recipe: str | os.PathLike[str],
    overrides: Sequence[str] = (),
    *,
    store: str | os.PathLike[str] = "store",
    workers: int | None = None,
    callbacks: Sequence[Callback] = (),
) -> SweepEnded:
    """Run what is missing of a sweep, like `layover run`, and return how it ended; print nothing.

    Args:
        recipe: The recipe file.
        overrides: Changes of recipe values: `["train.epochs=1"]`.
        store: The folder with the finished nodes.
        workers: Processes at a time; None chooses them.
        callbacks: Functions that receive every event (`layover.tracking`) in this process. One that raises gets no more
            events; a warning says so, and the sweep continues.

    Raises:
        LayoverError: the recipe, the data or the store cannot be used.
        StoppedError: Ctrl-C, SIGTERM or SIGHUP; what is finished is kept.
    """
    quiet()
    allowed.bound_threads()
    plan = partial(planned, Path(recipe), list(overrides), Path(store))
    with heeding():
        try:
            prepared = plan(computes=True)
            with prepared.store.locks.run(_warn):
                every: list[Callback] = [*callbacks, *trackers_of(prepared.recipe)]
                sweep = SweepRun(prepared, partial(plan, again=prepared.recipe), every, _warn)
                return sweep.run(workers, _silent)
        except Stop:
            raise StoppedError(f"stopped; {KEPT}") from None


def _warn(text: str) -> None:
    logger.warning(printable(text))


class _Silent:
    """A display that shows nothing."""

    def note(self, text: str) -> None: ...

    def event(self, event: Mapping[str, Any]) -> None: ...

    def go_on(self, plan: Plan, wanted: Collection[str]) -> None: ...


@contextmanager
def _silent(plan: Plan, wanted: Collection[str], remaining: Remaining) -> Iterator[RunProgress]:  # noqa: ARG001
    yield _Silent()
