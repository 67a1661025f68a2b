"""compare: show which scores differ between two sweeps, and whether by more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layover.cli.console import answer, complain, say, table
from layover.cli.shared import DEFAULT_STORE, JsonOption, StoreOption, planned
from layover.errors import LayoverError

if TYPE_CHECKING:
    from layover.plan.nodes import Group
    from layover.report import CellRow
    from layover.report.comparison import Change, Comparison

ORDER = 63
MEANING = (
    "Means over all languages and the seeds of both sweeps. Brackets: the 95 % interval. ▲ and ▼: p < 0.05 over "
    "trainings and test items, adjusted for all comparisons {family}. (items): the interval is over test items alone."
)


def command(
    recipe: Annotated[Path, typer.Argument(help="Recipe file of the first sweep.", show_default=False)],
    other: Annotated[
        Path | None, typer.Argument(help="Recipe file of the second sweep.", show_default="the same recipe")
    ] = None,
    *,
    store: StoreOption = DEFAULT_STORE,
    other_store: Annotated[
        Path | None, typer.Option(help="Store of the second sweep.", show_default="the same store")
    ] = None,
    changed: Annotated[bool, typer.Option("--changed", help="Leave out what is unchanged.")] = False,
    json: JsonOption = False,
) -> None:
    """Compare the scores of two sweeps, group by group: second minus first, with a 95 % interval and a mark.

    Groups with the same model, method, intermediate and target are compared, over the seeds that both have.
    """
    from layover.report.comparison import compared

    if other is None and other_store is None:
        raise LayoverError("compare needs a second recipe, or --other-store with the store of another run")
    before, after = _rows(recipe, store), _rows(other or recipe, other_store or store)
    result = compared(before, after)
    if json:
        answer(_as_json(result))
        return
    _show(result, changed=changed)


def _rows(recipe: Path, store: Path) -> Sequence[CellRow]:
    from layover.report import rows_of
    from layover.report.gains import ReportRows

    prepared = planned(recipe, None, store, needed=True)
    with prepared.store.locks.read("compare", complain):
        rows = rows_of(prepared.plan, prepared.store)
    return ReportRows.of(rows, prepared.plan.recipe.document.report.family)


def _show(result: Comparison, *, changed: bool) -> None:
    from layover.report.comparison import UNCHANGED
    from layover.report.terminal import COLUMNS

    shown = [change for change in result.changes if not (changed and change.reason == UNCHANGED)]
    if shown:
        headers = ["model", "method", "intermediate", "target", "seeds", "first", "second", "difference"]
        say(*table(headers, [_line(change) for change in shown]))
        say("", *wrap(MEANING.format(family=result.family), COLUMNS))
    for title, names in (("only in the first", result.before_only), ("only in the second", result.after_only)):
        for name in names:
            say(f"{title}: {'/'.join(name)}")
    if not shown and not result.before_only and not result.after_only:
        say("nothing changed" if result.changes else "the sweeps have no cell in common")


def _line(change: Change) -> list[str]:
    from layover.report.gains import finding_text

    scores = ["–" if value is None else f"{value:.1f}" for value in (change.before, change.after)]
    finding = change.finding
    if finding is None:
        return [*change.name, str(change.seeds), *scores, change.reason]
    return [*change.name, str(change.seeds), *scores, finding_text(finding)]


def _as_json(result: Comparison) -> dict[str, Any]:
    from layover.report.gains import finding_values

    def named(group: Group) -> dict[str, str]:
        return dict(zip(("model", "method", "intermediate", "target"), group, strict=True))

    changes = [
        {
            **named(change.name),
            "first": change.before,
            "second": change.after,
            "seeds": change.seeds,
            **finding_values(change.finding),
            "family": change.family,
            "reason": change.reason or None,
        }
        for change in result.changes
    ]
    return {
        "changes": changes,
        "first_only": list(map(named, result.before_only)),
        "second_only": list(map(named, result.after_only)),
    }
