"""errors: show the worst predictions of a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from layover.cli.console import answer, complain, say, table
from layover.cli.shared import DEFAULT_STORE, JsonOption, Overrides, RecipeArgument, StoreOption, planned
from layover.errors import LayoverError, printable, shortened

if TYPE_CHECKING:
    from layover.plan import Cell, Plan
    from layover.report.cell_labels import CellLabels
    from layover.report.predicted import Predicted, PredictedRow
    from layover.report.worst import Worst
    from layover.store import Store

ORDER = 61
LONGEST = 400
"""Number of characters of a value on the terminal."""


def command(
    recipe: RecipeArgument,
    cell: Annotated[
        str, typer.Argument(help="Label of the cell, or first digits of the key of its scores.", show_default=False)
    ],
    overrides: Overrides = None,
    *,
    store: StoreOption = DEFAULT_STORE,
    language: Annotated[
        list[str] | None, typer.Option(help="Only this language; repeat for several.", show_default="all languages")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Largest number of rows.")] = 20,
    classes: Annotated[
        bool, typer.Option("--classes", help="Also show the scores of each label, and which labels are confused.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show the worst predictions of a cell, each with its id, text, gold and its own score, the worst first.

    Of equally bad rows, those that come first in the data are shown, from all languages in turn. A row that is right
    is never shown. Long texts are cut on the terminal; --json has them whole.
    """
    from layover.report.cell_labels import labels_of_cell
    from layover.report.worst import languages_of, worst_of

    prepared = planned(recipe, overrides, store, needed=True)
    with prepared.store.locks.read("errors", complain):
        predicted = _predicted(prepared.plan, prepared.store, cell)
        languages = languages_of(predicted, language or [])
        labels = labels_of_cell(prepared.plan, prepared.store, predicted.cell, languages) if classes else None
        worst = worst_of(predicted, languages, limit)
    if not any(counts.rows > counts.unscored for counts in worst.counts.values()):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in worst.missing.items())
        raise LayoverError(
            f"{predicted.cell.label}: no row can be compared with gold{f' ({reasons})' if reasons else ''}"
        )
    if json:
        answer(_as_json(predicted, worst, labels))
        return
    say(*_summary(predicted, worst))
    for name, row in worst.rows:
        say("", *_shown(name, row))
    if labels is not None:
        say("", *_shown_labels(labels))


def _predicted(plan: Plan, store: Store, name: str) -> Predicted:
    from layover.plan.named import cell_named
    from layover.plan.nodes import spec_at
    from layover.report.predicted import Predicted
    from layover.specs.score import ScoreSpec

    cell: Cell = cell_named(plan, name)
    return Predicted.of(cell, spec_at(plan.nodes, cell.score, ScoreSpec), store)


def _as_json(predicted: Predicted, worst: Worst, labels: CellLabels | None) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "cell": predicted.cell.label,
        "key": predicted.cell.score,
        "split": predicted.scored.split,
        "languages": {name: asdict(counts) for name, counts in worst.counts.items()},
        "missing": worst.missing,
        "rows": [predicted.line(name, row) for name, row in worst.rows],
        "classes": None if labels is None else labels.as_json(),
    }


def _summary(predicted: Predicted, worst: Worst) -> list[str]:
    """Return the number of wrong rows by language."""
    counted = worst.counts.values()
    wrong, scored = sum(counts.wrong for counts in counted), sum(counts.rows - counts.unscored for counts in counted)
    sentence = f"{wrong:,} of {scored:,} rows with a score have an error; shown: {len(worst.rows):,}"
    lines = [f"{predicted.cell.label}, {predicted.scored.split} split: {sentence}"]
    for name, counts in worst.counts.items():
        unscored = f"; {counts.unscored:,} rows have no gold, or nothing to score" if counts.unscored else ""
        lines.append(f"  {name}: {counts.wrong:,} of {counts.rows - counts.unscored:,}{unscored}")
    return [*lines, *(f"  {name}: none: {reason}" for name, reason in worst.missing.items())]


def _shown(language: str, row: PredictedRow) -> list[str]:
    """Return the lines of one row."""
    own = "" if row.id == row.where else f" ({row.where})"
    scores = ", ".join(f"{name} {_value(value)}" for name, value in row.scores.items())
    lines = [f"{language}  {row.id}{own}: {scores}"]
    parts = [*row.fields.items(), ("gold", row.gold), ("prediction", row.answer)]
    if row.score is not None and row.score.detail:
        parts.append(("wrong", row.score.detail))
    width = max(len(name) for name, _ in parts)
    kept = {"prediction"} if row.gold is None and row.has_gold else {"gold", "prediction"}  # a text may be its own gold
    return lines + [
        f"  {name.ljust(width)}  {shortened(_value(value), LONGEST)}"
        for name, value in parts
        if value is not None or name in kept
    ]


def _value(value: object) -> str:
    """Return a value for display: texts as they are, numbers short, everything else as JSON."""
    from layover.escape import json_text

    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return printable(value) if isinstance(value, str) and value else json_text(value)


def _shown_labels(labels: CellLabels) -> list[str]:
    """Return the table of labels, and the matrix of confused labels or the most confused pairs."""
    from layover.report.cell_labels import HEADERS

    lines = [["" if value is None else _number(value) for value in line] for line in labels.lines()]
    sentence, headers, rows = labels.table()
    return [*table(list(HEADERS), lines), "", sentence, *table(headers, rows)]


def _number(value: object) -> str:
    """Return a percentage with one digit; other values as they are."""
    return f"{value:.1f}" if isinstance(value, float) else str(value)
