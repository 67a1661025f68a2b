"""The gain of each intermediate task: paired differences to the same method without one, with 95 % intervals.

A difference is paired by seed. The interval is Student's t over the seeds: mean ± t(0.975, n - 1) · deviation / √n. It
needs two seeds, and a difference is called a gain or a loss only with three. The interval covers the variation
of seeds, not of test data, and has no correction for multiple comparisons.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from layover.escape import Markup, csv_file, markdown_table
from layover.plan import Cell, Plan
from layover.report._section import Section
from layover.report.rows import CellRow, Spread, difference, paired

CONFIDENCE = 0.95
ENOUGH_SEEDS = 3
"""Smallest number of seeds for a gain or a loss: two seeds that agree by chance have a narrow interval."""
ZERO_SHOT = "zero-shot"
GROUP = ("model", "method", "intermediate", "target")


@dataclass(frozen=True)
class Gain:
    """The difference between an intermediate and none on one target."""

    model: str
    method: str
    intermediate: str
    target: str
    metric: str
    languages: str
    """`all`, or `zero-shot`: without the language of the training data."""
    difference: Spread | None
    """None if the cell is scored, but no other cell can be compared with it."""
    interval: tuple[float, float] | None
    """The 95 % interval; None for a single seed, or if all seeds have the same difference."""
    reason: str = ""
    """Reason why the difference is missing, for all seeds or for some."""

    @property
    def verdict(self) -> str:
        """`gain` or `loss` if the interval of enough seeds excludes zero, else `open`; `missing` if there is none."""
        if self.difference is None:
            return "missing"
        if self.interval is None or self.interval[0] <= 0 <= self.interval[1] or self.difference.count < ENOUGH_SEEDS:
            return "open"
        return "gain" if self.difference.mean > 0 else "loss"


def interval(differences: Spread) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean; None for a single value, and for equal values, which have no spread."""
    if not differences.deviation:
        return None
    from scipy.stats import t

    half = (
        float(t.ppf((1 + CONFIDENCE) / 2, differences.count - 1)) * differences.deviation / math.sqrt(differences.count)
    )
    return differences.mean - half, differences.mean + half


def gains(rows: Sequence[CellRow]) -> list[Gain]:
    """Return the gains of all scored cells with an intermediate, in the order of the sweep."""
    groups: dict[tuple[str, str, str, str], list[CellRow]] = {}
    for row in rows:
        if row.cell.baseline is not None:
            groups.setdefault(_group(row.cell), []).append(row)
    entries = []
    for members in groups.values():
        for zero_shot in (False, True):
            there = [row for row in members if row.record is not None and row.record.averaged(zero_shot=zero_shot)]
            if there:
                entries.append(_gain(there, zero_shot))
    return entries


def _gain(rows: Sequence[CellRow], zero_shot: bool) -> Gain:
    """Return the gain of a group of scored cells; its difference is None if no cell can be compared."""
    every = [difference(row.record, row.baseline, row.metric, zero_shot=zero_shot) for row in rows]
    known, reason = paired(every)
    return Gain(
        *_group(rows[0].cell),
        metric=rows[0].metric,
        languages=ZERO_SHOT if zero_shot else "all",
        difference=known,
        interval=None if known is None else interval(known),
        reason=reason,
    )


def _group(cell: Cell) -> tuple[str, str, str, str]:
    return cell.model, cell.method, cell.intermediate, cell.target


def cells(entries: Sequence[Gain]) -> tuple[list[str], list[list[str]]]:
    """Return the headers and the lines of a table: model, method and intermediate against targets.

    Gains are over the zero-shot languages, or over all languages if a target has no known zero-shot language.
    """
    far = {gain.target for gain in entries if gain.languages == ZERO_SHOT}
    shown = [gain for gain in entries if (gain.languages == ZERO_SHOT) == (gain.target in far)]
    targets = list(dict.fromkeys(gain.target for gain in entries))
    headings = [target if target in far else f"{target} (all languages)" for target in targets]
    lines: dict[tuple[str, str, str], dict[str, str]] = {}
    for gain in shown:
        lines.setdefault((gain.model, gain.method, gain.intermediate), {})[gain.target] = _text(gain)
    table = [[*group, *(texts.get(target, "–") for target in targets)] for group, texts in lines.items()]
    return ["model", "method", "intermediate", *headings], table


def _text(gain: Gain) -> str:
    if gain.difference is None:
        return f"–, {gain.reason}"
    text = f"{gain.difference.mean:+.1f}"
    if gain.interval is not None:
        text += f" [{gain.interval[0]:+.1f}, {gain.interval[1]:+.1f}]"
    text = f"**{text}**" if gain.verdict != "open" else text
    return Markup(f"{text} over {gain.difference.seeds()}, others {gain.reason}" if gain.reason else text)


def explained(entries: Sequence[Gain]) -> str:
    """Return the explanation of the table; it mentions intervals and bold text only if there are enough seeds."""
    most = max((gain.difference.count for gain in entries if gain.difference is not None), default=0)
    parts = [
        "Differences to the same method without an intermediate, paired by seed, over the zero-shot languages.",
        "Zero-shot languages have no training data. A target without any is compared over all its languages.",
    ]
    if most > 1:
        parts.append(
            "Brackets contain the 95 % confidence interval over the seeds (Student's t), without correction for "
            "multiple comparisons. There is no interval with one seed, or if all seeds have the same difference."
        )
    if most >= ENOUGH_SEEDS:
        parts.append("A difference is **bold** if the interval excludes zero and there are three or more seeds.")
    elif most:
        parts.append(
            "Two seeds are too few to call a difference a gain or a loss."
            if most > 1
            else "One seed is too few for an interval."
        )
    return " ".join([*parts, "`gains.csv` also has the differences over all languages."])


def write(entries: Sequence[Gain], path: Path) -> None:
    """Write one line per gain."""
    with csv_file(path) as writerow:
        writerow([*GROUP, "metric", "languages", "difference", "low", "high", "seeds", "verdict", "reason"])
        for gain in entries:
            low, high = ("", "") if gain.interval is None else map(repr, gain.interval)
            names = [getattr(gain, name) for name in GROUP]
            mean, count = ("", 0) if gain.difference is None else (repr(gain.difference.mean), gain.difference.count)
            values = [mean, low, high, count, gain.verdict, gain.reason]
            writerow([*names, gain.metric, gain.languages, *values])


def _whole(_plan: Plan, rows: Sequence[CellRow]) -> list[str]:
    entries = gains(rows)
    return ["## Gains over no intermediate", explained(entries), markdown_table(*cells(entries))] if entries else []


def _file(rows: Sequence[CellRow], path: Path) -> bool:
    entries = gains(rows)
    if entries:
        write(entries, path)
    return bool(entries)


SECTION = Section(10, whole=_whole, file="gains.csv", write=_file)
