"""A table for each retrieval target with several layers: every layer and every language.

These scores are for inspection. The other tables show one layer, which the recipe names or the validation split
chooses. The best layer of this table would be chosen by the gold that also scores it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from layover.escape import Markup, csv_file, inline, markdown_table
from layover.plan import Plan
from layover.records import Layer, Retrieved
from layover.report._section import Section
from layover.report.main_table import MISSING
from layover.report.rows import CellRow, by_group, spread, without_repeats

CHOSEN = {
    None: "the layer of the recipe, or the published layer",
    "validation": "chosen by its mean on the validation split",
    "scored": "chosen by the scores of this table, so its scores are optimistic",
}
FIELDS = ("model", "method", "intermediate", "target", "seed")

Scores = Mapping[str, Mapping[str, float]]
"""Language -> metric -> value."""


def swept(rows: Sequence[CellRow], target: str) -> bool:
    """Return whether a cell of a target was scored with several layers."""
    return any(_sweep(row) is not None for row in rows if row.cell.target == target)


def explained(rows: Sequence[CellRow], target: str) -> str:
    """Return the explanation above the table of one target."""
    sweeps = [sweep for row in rows if row.cell.target == target and (sweep := _sweep(row)) is not None]
    how = ", ".join(sorted({CHOSEN[sweep.layer_chosen_on] for sweep in sweeps}))
    return (
        "All layers that were scored in the same pass; 0 is the embeddings. The other tables have the scores of the "
        f"**bold** layer: {how}. Do not choose the best layer from this table: the gold that chooses it would also "
        "score it."
    )


def cells(rows: Sequence[CellRow], target: str) -> tuple[list[str], list[list[str]]]:
    """Return the headers and the lines of the table of one target, with the metric of the main table."""
    target_rows = [row for row in rows if row.cell.target == target]
    metric = target_rows[0].metric
    every = [layer for row in target_rows if (sweep := _sweep(row)) is not None for layer in sweep.layers.values()]
    languages = sorted({language for layer in every for language in layer.languages})
    validated = ["validation mean"] if any(layer.validation for layer in every) else []
    lines = []
    for group, members in by_group(target_rows).items():
        sweeps = [sweep for row in without_repeats(members) if (sweep := _sweep(row)) is not None]
        for number in sorted({number for sweep in sweeps for number in sweep.layers}):
            layers = [sweep.layers[number] for sweep in sweeps if number in sweep.layers]
            means = [[_mean(layer.languages, metric) for layer in layers]]
            means += [[_mean(layer.validation, metric) for layer in layers]] if validated else []
            values = [[_value(layer.languages, language, metric) for layer in layers] for language in languages]
            lines.append([*group, _name(number, sweeps), *(_text(column) for column in (*means, *values))])
    return ["model", "method", "intermediate", "layer", "mean", *validated, *languages], lines


def _sweep(row: CellRow) -> Retrieved | None:
    retrieved = row.record.retrieval if row.record is not None else None
    return retrieved if retrieved is not None and retrieved.layers else None


def _name(number: int, sweeps: Sequence[Retrieved]) -> str:
    """Return `**8**` for the layer of the other tables, or `**8** (2 of 3)` if 2 of 3 seeds chose it."""
    chosen = sum(sweep.layer == number for sweep in sweeps)
    if not chosen:
        return str(number)
    return Markup(f"**{number}**" + (f" ({chosen} of {len(sweeps)})" if chosen < len(sweeps) else ""))


def _mean(scores: Scores, metric: str) -> float | None:
    return fmean(values[metric] for values in scores.values()) if scores else None


def _value(scores: Scores, language: str, metric: str) -> float | None:
    return scores[language][metric] if language in scores else None


def _text(values: Sequence[float | None]) -> str:
    scores = spread([value for value in values if value is not None])
    return scores.text() if scores is not None else MISSING


def write(rows: Sequence[CellRow], path: Path) -> None:
    """Write one line per cell, layer, split, language and metric."""
    with csv_file(path) as writerow:
        writerow([*FIELDS, "layer", "in_tables", "split", "language", "metric", "score"])
        for row in rows:
            sweep = _sweep(row)
            if sweep is None:
                continue
            cell = [getattr(row.cell, field) for field in FIELDS]
            for number, layer in sweep.layers.items():
                shown = "yes" if number == sweep.layer else "no"
                for split, language, metric, value in _every(layer):
                    writerow([*cell, number, shown, split, language, metric, repr(value)])


def _every(layer: Layer) -> list[tuple[str, str, str, float]]:
    """Return (split, language, metric, value); `scored` is the split of the tables."""
    splits = (("scored", layer.languages), ("validation", layer.validation))
    return [
        (split, language, metric, value)
        for split, scores in splits
        for language, values in scores.items()
        for metric, value in values.items()
    ]


def _target(_plan: Plan, rows: Sequence[CellRow], target: str) -> list[str]:
    if not swept(rows, target):
        return []
    return [f"### {inline(target)}: layers", explained(rows, target), markdown_table(*cells(rows, target))]


def _file(rows: Sequence[CellRow], path: Path) -> bool:
    any_swept = any(_sweep(row) is not None for row in rows)
    if any_swept:
        write(rows, path)
    return any_swept


SECTION = Section(40, target=_target, file="layers.csv", write=_file)
