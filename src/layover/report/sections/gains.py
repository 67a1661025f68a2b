"""What each intermediate task is worth: paired differences to the same method without one, with 95 % intervals.

A difference is paired by seed. The interval is Student's t over the seeds: mean ± t(0.975, n - 1) · deviation / √n; it
needs two seeds. It speaks of the seeds, not of other test data, and of one comparison at a time.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from layover.plan import Cell, Plan
from layover.report._section import Section, markdown_table
from layover.report.rows import CellRow, Spread, spread

CONFIDENCE = 0.95
EXPLAINED = (
    "Zero-shot languages, those without training data: differences paired by seed, with the 95 % interval over the "
    "seeds (Student's t); **bold** where it leaves out zero. No interval where all seeds agree exactly, or where there "
    "is one. `gains.csv` has them over all languages, too."
)
GROUP = ("model", "method", "intermediate", "target")


@dataclass(frozen=True)
class Gain:
    """The difference that an intermediate makes to one target."""

    model: str
    method: str
    intermediate: str
    target: str
    metric: str
    languages: str
    """`all`, or `zero-shot`: without the language of the training data."""
    difference: Spread
    interval: tuple[float, float] | None
    """95 %; None for a single seed, or when all seeds agree exactly."""

    @property
    def verdict(self) -> str:
        """`gain` or `loss` where the interval leaves out zero, else `open`."""
        if self.interval is None or self.interval[0] <= 0 <= self.interval[1]:
            return "open"
        return "gain" if self.difference.mean > 0 else "loss"


def interval(found: Spread) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean; None for a single value, and for equal ones, which tell no spread."""
    if not found.deviation:
        return None
    from scipy.stats import t

    half = float(t.ppf((1 + CONFIDENCE) / 2, found.count - 1)) * found.deviation / math.sqrt(found.count)
    return found.mean - half, found.mean + half


def gains(rows: Sequence[CellRow]) -> list[Gain]:
    """Return the gains of all cells with an intermediate that have their baseline, in the order of the sweep."""
    groups: dict[tuple[str, str, str, str], list[CellRow]] = {}
    for row in rows:
        if row.cell.baseline is not None:
            groups.setdefault(_group(row.cell), []).append(row)
    found = []
    for members in groups.values():
        for zero_shot in (False, True):
            difference = spread([value for row in members if (value := _difference(row, zero_shot)) is not None])
            if difference is not None:
                where = "zero-shot" if zero_shot else "all"
                model, method, intermediate, target = _group(members[0].cell)
                metric = members[0].metric
                found.append(Gain(model, method, intermediate, target, metric, where, difference, interval(difference)))
    return found


def _group(cell: Cell) -> tuple[str, str, str, str]:
    return cell.model, cell.method, cell.intermediate, cell.target


def _difference(row: CellRow, zero_shot: bool) -> float | None:
    if row.record is None or row.baseline is None:
        return None
    if set(row.record.scored()) != set(row.baseline.scored()):
        return None  # means over different languages differ for that alone
    mine, other = (record.mean(row.metric, zero_shot=zero_shot) for record in (row.record, row.baseline))
    return None if mine is None or other is None else mine - other


def cells(found: Sequence[Gain]) -> tuple[list[str], list[list[str]]]:
    """Return headers and lines of a table: model, method and intermediate against targets, zero-shot languages."""
    shown = [gain for gain in found if gain.languages == "zero-shot"]
    targets = list(dict.fromkeys(gain.target for gain in shown))
    lines: dict[tuple[str, str, str], dict[str, str]] = {}
    for gain in shown:
        lines.setdefault((gain.model, gain.method, gain.intermediate), {})[gain.target] = _text(gain)
    table = [[*group, *(texts.get(target, "–") for target in targets)] for group, texts in lines.items()]
    return ["model", "method", "intermediate", *targets], table


def _text(gain: Gain) -> str:
    text = f"{gain.difference.mean:+.1f}"
    if gain.interval is not None:
        text += f" [{gain.interval[0]:+.1f}, {gain.interval[1]:+.1f}]"
    return f"**{text}**" if gain.verdict != "open" else text


def write(found: Sequence[Gain], path: Path) -> None:
    """Write one line per gain."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*GROUP, "metric", "languages", "difference", "low", "high", "seeds", "verdict"])
        for gain in found:
            low, high = ("", "") if gain.interval is None else map(repr, gain.interval)
            names = [getattr(gain, name) for name in GROUP]
            values = [repr(gain.difference.mean), low, high, gain.difference.count, gain.verdict]
            writer.writerow([*names, gain.metric, gain.languages, *values])


def _whole(_plan: Plan, rows: Sequence[CellRow]) -> list[str]:
    found = gains(rows)
    return ["## Gains over no intermediate", EXPLAINED, markdown_table(*cells(found))] if found else []


def _file(rows: Sequence[CellRow], path: Path) -> bool:
    found = gains(rows)
    if found:
        write(found, path)
    return bool(found)


SECTION = Section(10, whole=_whole, file="gains.csv", write=_file)
