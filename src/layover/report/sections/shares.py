"""A table for each target with mixed intermediates: the mixing weights of the modules, layer by layer.

A mixing weight is the factor of one module in a mixer, averaged over the scored tokens. The mixing weights of one site
and token sum to 1. Those of a seed are averaged over languages and sites, then over seeds, with a deviation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from layover.escape import csv_file, inline, markdown_table
from layover.plan import Plan
from layover.report._section import Section
from layover.report.main_table import NOTHING
from layover.report.rows import CellRow, by_group, spread

MOST_COLUMNS = 12
FIELDS = ("model", "method", "intermediate", "target", "seed")
EXPLAINED = (
    "The mixing weight of each module, in percent: the mean over the tokens of each language, then over languages and "
    "sites, then mean ± standard deviation over n seeds. A high mixing weight does not mean that a module helps, "
    "because modules change the hidden states by different amounts. `shares.csv` has every site, language and seed; "
    "`shares.png` shows the means."
)

ByLayer = Mapping[str, Mapping[int, list[float]]]
"""Module -> layer -> the mixing weight of each seed."""


def by_layer(rows: Sequence[CellRow]) -> ByLayer:
    """Return the mixing weights of cells that differ only in their seeds, averaged over languages and sites."""
    by_member: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        of_seed: dict[str, dict[int, list[float]]] = {}
        for weight in row.mixing_weights:
            of_seed.setdefault(weight.member, {}).setdefault(weight.layer, []).append(weight.value)
        for member, layers in of_seed.items():
            for layer, values in layers.items():
                by_member.setdefault(member, {}).setdefault(layer, []).append(fmean(values))
    return by_member


def bands(layers: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the layers in at most `MOST_COLUMNS` columns, of equal width except the last."""
    width = max(1, -(-len(layers) // MOST_COLUMNS))
    return [tuple(layers[start : start + width]) for start in range(0, len(layers), width)]


def cells(rows: Sequence[CellRow], target: str) -> tuple[list[str], list[list[str]]]:
    """Return the headers and the lines of the table of one target."""
    mixed_rows = [row for row in rows if row.cell.target == target and row.mixing_weights]
    layers = sorted({weight.layer for row in mixed_rows for weight in row.mixing_weights})
    columns = bands(layers)
    names = [str(band[0]) if len(band) == 1 else f"{band[0]}-{band[-1]}" for band in columns]
    lines = []
    for group, seeds in by_group(mixed_rows).items():
        for member, layer_weights in by_layer(seeds).items():
            lines.append(
                [*group, member, str(len(seeds)), *(_text(layer_weights, band) for band in (layers, *columns))]
            )
    return ["model", "method", "intermediate", "module", "n", "all layers", *(f"layer {name}" for name in names)], lines


def _text(layer_weights: Mapping[int, list[float]], layers: Sequence[int]) -> str:
    """Return the mean over some layers, and its spread over seeds, in percent."""
    there = [layer_weights[layer] for layer in layers if layer in layer_weights]
    seeds = spread([100 * fmean(values) for values in zip(*there, strict=True)])
    return NOTHING if seeds is None else seeds.text()


def write(rows: Sequence[CellRow], path: Path) -> bool:
    """Write one line per cell, language, site and module; return False, without a file, if nothing is mixed."""
    mixed = [row for row in rows if row.mixing_weights]
    if not mixed:
        return False
    with csv_file(path) as writerow:
        writerow([*FIELDS, "language", "layer", "place", "member", "share"])
        for row in mixed:
            cell = [getattr(row.cell, field) for field in FIELDS]
            for weight in row.mixing_weights:
                writerow([*cell, weight.language, weight.layer, weight.place, weight.member, repr(weight.value)])
    return True


def _target(_plan: Plan, rows: Sequence[CellRow], target: str) -> list[str]:
    headers, lines = cells(rows, target)
    return [f"### {inline(target)}: mixing weights", EXPLAINED, markdown_table(headers, lines)] if lines else []


SECTION = Section(35, target=_target, file="shares.csv", write=write)
