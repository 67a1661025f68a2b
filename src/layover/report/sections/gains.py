"""The section of gains: a table of differences to no intermediate, with 95 % intervals and marks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from layover.escape import csv_file, inline, markdown_table
from layover.plan import Plan
from layover.report._section import Section
from layover.report.gains import GROUP_AXES, ZERO_SHOT, Gain, family_axes, family_name, finding_values, gains, shown
from layover.report.rows import CellRow


def cells(entries: Sequence[Gain]) -> tuple[list[str], list[list[str]]]:
    """Return the headers and the lines of a table: model, method and intermediate against targets."""
    targets = {gain.target: gain.languages for gain in shown(entries)}
    headings = [name if over == ZERO_SHOT else f"{name} (all languages)" for name, over in targets.items()]
    lines: dict[tuple[str, str, str], dict[str, str]] = {}
    for gain in shown(entries):
        lines.setdefault(gain.group, {})[gain.target] = gain.text()
    table = [[*group, *(texts.get(target, "–") for target in targets)] for group, texts in lines.items()]
    return ["model", "method", "intermediate", *headings], table


def explained(entries: Sequence[Gain], axes: Sequence[str]) -> str:
    """Return the explanation of the table; it mentions only marks and intervals that the table has.

    Args:
        entries: The gains.
        axes: The axes that comparisons of one family have in common.
    """
    known = [gain.finding for gain in shown(entries) if gain.finding is not None]
    bases = {finding.basis for finding in known}
    parts = [
        "Differences to the same method without an intermediate, paired by seed, over the zero-shot languages.",
        "Zero-shot languages have no training data. A target without any is compared over all its languages.",
    ]
    if "trainings and items" in bases:
        families: dict[str, int] = {}
        for gain in shown(entries):
            name = " ".join(inline(getattr(gain, axis)) for axis in axes)
            families[name] = max(gain.family, families.get(name, 0))
        counts = ", ".join(f"{name} {count}".strip() for name, count in families.items() if count)
        parts.append(
            "Brackets contain the 95 % confidence interval of each difference, over trainings and test items. ▲ marks "
            f"a gain and ▼ a loss: p < 0.05, adjusted for all comparisons {family_name(axes)} (step-down max-T). "
            f"Comparisons: {counts}."
        )
    if "items" in bases:
        parts.append(
            "Brackets with (items) contain the 95 % interval over test items alone: it holds for these trained models. "
            "Nothing is marked where a difference has fewer than three seeds, or depends on none."
        )
    if "none" in bases:
        parts.append(
            "A difference without an interval has equal values for all items, or a metric that is undefined without "
            "some items, or fewer than two groups of items."
        )
    return " ".join([*parts, "`gains.csv` also has the differences over all languages."])


def write(entries: Sequence[Gain], path: Path) -> None:
    """Write one line per gain."""
    with csv_file(path) as writerow:
        statistics = ["difference", "low", "high", "basis", "p", "family", "seeds", "mark", "reason"]
        writerow([*GROUP_AXES, "metric", "languages", *statistics])
        for gain in entries:
            count = 0 if gain.finding is None else gain.finding.difference.count
            more = {"family": gain.family, "seeds": count, "mark": gain.mark, "reason": gain.reason}
            values = {**finding_values(gain.finding), **more}
            names = [*gain.group, gain.target, gain.metric, gain.languages]
            writerow([*names, *(values[name] for name in statistics)])


def _whole(_plan: Plan, rows: Sequence[CellRow]) -> list[str]:
    entries = gains(rows)
    return (
        ["## Gains over no intermediate", explained(entries, family_axes(rows)), markdown_table(*cells(entries))]
        if entries
        else []
    )


def _file(rows: Sequence[CellRow], path: Path) -> bool:
    entries = gains(rows)
    if entries:
        write(entries, path)
    return bool(entries)


SECTION = Section(10, whole=_whole, file="gains.csv", write=_file)
