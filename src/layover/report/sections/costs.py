"""The costs of each method: trained weights, and seconds of training for the target and for its intermediates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from layover.escape import csv_file, markdown_table
from layover.plan import Plan
from layover.report._section import Section
from layover.report.costs import TargetCost
from layover.report.rows import CellRow, by_group, spread

EXPLAINED = (
    "*weights*: trained weights on the encoder for a target, without its head. *seconds*: training time for a target, "
    "the mean over targets and seeds. *seconds before*: training time of the intermediates and gates that a target "
    "needs; they are trained once for all targets. – means unknown, for example because a part was trained elsewhere. "
    "The times include the load of other programs on the machine. They exclude trainings that were stopped and resumed."
)
HEADERS = ["model", "method", "intermediate", "weights", "seconds", "seconds before"]


def costs(rows: Sequence[CellRow]) -> dict[tuple[str, str, str], list[TargetCost]]:
    """Return the costs of the finished trainings of targets, by model, method and intermediate."""
    by_method = {}
    for group, members in by_group(rows).items():
        known = [row.cost for row in members if row.cost is not None]
        if known:
            by_method[group] = known
    return by_method


def cells(rows: Sequence[CellRow]) -> list[list[str]]:
    """Return the lines of the table."""
    return [
        [
            *group,
            " to ".join(f"{count:,}" for count in sorted({min(weights), max(weights)})),
            _mean([cost.seconds for cost in group_costs]),
            _mean([cost.seconds_before for cost in group_costs]),
        ]
        for group, group_costs in costs(rows).items()
        for weights in [[cost.weights for cost in group_costs]]
    ]


def _mean(values: Sequence[float | None]) -> str:
    average = spread([value for value in values if value is not None])
    return "–" if average is None else f"{average.mean:.1f}"


def _whole(_plan: Plan, rows: Sequence[CellRow]) -> list[str]:
    lines = cells(rows)
    return ["## Costs", EXPLAINED, markdown_table(HEADERS, lines)] if lines else []


def write(rows: Sequence[CellRow], path: Path) -> bool:
    """Write one line per finished training of a target."""
    known = [(row.cell, row.cost) for row in rows if row.cost is not None]
    if not known:
        return False
    with csv_file(path) as writerow:
        writerow(["model", "method", "intermediate", "target", "seed", "weights", "seconds", "seconds_before"])
        for cell, cost in known:
            times = ["" if value is None else repr(value) for value in (cost.seconds, cost.seconds_before)]
            writerow([cell.model, cell.method, cell.intermediate, cell.target, cell.seed, cost.weights, *times])
    return True


SECTION = Section(25, whole=_whole, file="costs.csv", write=write)
