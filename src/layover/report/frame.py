"""The scores of a sweep as a table of pandas."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layover.plan import Plan
from layover.plan.nodes import Cell, Pending, spec_at
from layover.plan.rounds import UNCHOSEN, everything
from layover.plan.stored import plan_beside
from layover.recipe import load
from layover.records import Record, is_zero_shot
from layover.report.rows import CellRow, rows_of
from layover.specs.score import ScoreSpec
from layover.store import Store

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = {
    "model": "string",
    "method": "string",
    "intermediate": "string",
    "target": "string",
    "seed": "int64",
    "language": "string",
    "metric": "string",
    "score": "float64",
    "examples": "Int64",
    "zero_shot": "boolean",
    "missing": "string",
    "key": "string",
}
"""Column -> its type."""
AXES = tuple(COLUMNS)[:5]
NOT_RUN = "not run"


def results(recipe: str | Path, *, store: str | Path = "store", overrides: Sequence[str] = ()) -> DataFrame:
    """Return the scores of a sweep, finished or not: a line for each cell, language and metric.

    The columns are model, method, intermediate, target, seed, language, metric, score, examples, zero_shot, missing
    and key. A missing score is NaN, and `missing` has the reason. `zero_shot` is NA if it is unknown whether the
    language differs from that of the training data. Cells whose result does not depend on the seed have equal keys.

    Args:
        recipe: The recipe file.
        store: The folder with the finished nodes.
        overrides: Changes of recipe values, such as `sweep.seed=[1]`.

    Raises:
        LayoverError: the recipe is wrong, the store is absent, or a file of it cannot be read.
    """
    from pandas import DataFrame

    folder = Path(store)
    checked, opened = load(Path(recipe), list(overrides)), Store.existing(folder)
    made = plan_beside(checked, folder)
    made.remember()
    with opened.locks.read("results", warnings.warn):
        lines = list(_lines(made.plan, opened))
    return DataFrame(lines, columns=list(COLUMNS)).astype(COLUMNS)


def _lines(plan: Plan, store: Store) -> Iterator[tuple[Any, ...]]:
    """Yield the lines of all cells, then those of cells that wait for a choice."""
    for row in rows_of(plan, store):
        spec = spec_at(plan.nodes, row.cell.score, ScoreSpec)
        yield from _absent(row, spec, store) if row.record is None else _scored(row.cell, row.record)
    nodes = everything(plan)
    for pending in plan.pending:
        spec = spec_at(nodes, pending.scores[0], ScoreSpec)
        yield from _without(pending, spec, dict.fromkeys(_languages(spec), UNCHOSEN), None)


def _scored(cell: Cell, record: Record) -> Iterator[tuple[Any, ...]]:
    for language in record.languages:
        facts = record.examples.get(language), record.is_zero_shot(language), record.missing.get(language), cell.score
        for metric in record.metrics:
            yield (*_axes(cell), language, metric, record.value(language, metric), *facts)


def _absent(row: CellRow, spec: ScoreSpec, store: Store) -> Iterator[tuple[Any, ...]]:
    """Yield the lines of a cell that is not finished."""
    look = store.look(row.cell.score)
    damage = None if look is None or look.damage is None else f"damaged: {look.damage}"
    reason = row.failure or damage or NOT_RUN
    missing = {language: spec.absent.get(language, reason) for language in _languages(spec)}
    return _without(row.cell, spec, missing, row.cell.score)


def _without(
    cell: Cell | Pending, spec: ScoreSpec, missing: dict[str, str], key: str | None
) -> Iterator[tuple[Any, ...]]:
    for language, reason in missing.items():
        for metric in spec.metrics:
            zero_shot = is_zero_shot(language, spec.source_language)
            yield (*_axes(cell), language, metric, None, None, zero_shot, reason, key)


def _languages(spec: ScoreSpec) -> list[str]:
    return sorted({*spec.predictions, *spec.absent})


def _axes(cell: Cell | Pending) -> tuple[Any, ...]:
    return tuple(getattr(cell, name) for name in AXES)
