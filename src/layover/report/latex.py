"""The first table of a report, and the gains of each target, as LaTeX with booktabs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from layover.escape import latex
from layover.report.gains import ALL, Gain, shown
from layover.report.rows import signed
from layover.report.summary import Summary, SummaryCell, explained

MARKS = {"gain": r"$^{\uparrow}$", "loss": r"$^{\downarrow}$", "open": "", "missing": ""}
PACKAGES = (
    r"% needs \usepackage[T1]{fontenc}, \usepackage[utf8]{inputenc} and \usepackage{booktabs}"
    "\n% names in scripts other than Latin need XeLaTeX"
)
NAMES = ("model", "method", "intermediate")


def tables(table: Summary, gains: Sequence[Gain], name: str) -> str:
    """Return the table of scores, and for each target a table of gains with their 95 % intervals.

    Args:
        table: The first table.
        gains: The gains.
        name: Name of the sweep, for captions and labels.
    """
    by_target: dict[str, list[Gain]] = {}
    for gain in shown(gains):
        by_target.setdefault(gain.target, []).append(gain)
    parts = [PACKAGES, _scores(table, name), *(_gains(table, entries, name) for entries in by_target.values())]
    return "\n\n".join(parts) + "\n"


def _scores(table: Summary, name: str) -> str:
    text = latex(explained(table)).replace("▲", r"$\uparrow$").replace("▼", r"$\downarrow$")
    caption = f"{latex(name)}. {text} Bold is the best score of a target."
    names = _names(table)
    heads = [*names, *(latex(table.short(target)) for target in table.targets)]
    metrics = [*("" for _ in names), *map(latex, table.targets.values())]
    lines = [[*_group(table, group), *map(_cell, line.values())] for group, line in table.lines.items()]
    return _float([heads, metrics], lines, len(names), caption, f"{name}-scores")


def _names(table: Summary) -> tuple[str, ...]:
    """Return the headings of the names; a single model has no column."""
    return NAMES if len(table.models) > 1 else NAMES[1:]


def _group(table: Summary, group: tuple[str, str, str]) -> list[str]:
    names = [group[0], group[1], table.short(group[2])]
    return list(map(latex, names[-len(_names(table)) :]))


def _cell(cell: SummaryCell) -> str:
    score = latex(cell.score())
    mark = "" if cell.gain is None else MARKS[cell.gain.mark]
    return (rf"\textbf{{{score}}}" if cell.best else score) + mark


def _gains(table: Summary, gains: Sequence[Gain], name: str) -> str:
    """Return the gains of one target."""
    target, over = gains[0].target, "all" if gains[0].languages == ALL else "the zero-shot"
    bases = sorted({gain.finding.basis for gain in gains if gain.finding is not None} - {"none"})
    intervals = f" Intervals are over {' or '.join(bases)}." if bases else ""
    caption = (
        f"{latex(name)}. Gains on {latex(target)} over no intermediate with the same method, in points, over {over} "
        f"languages.{intervals} The p-values are adjusted for all comparisons {table.family}."
    )
    names = _names(table)
    heads = [*names, "gain", r"95\,\% interval", "adjusted p"]
    lines = [[*_group(table, gain.group), *_numbers(gain)] for gain in gains]
    return _float([heads], lines, len(names), caption, f"{name}-gains-{target}")


def _numbers(gain: Gain) -> list[str]:
    """Return the difference, its interval and its p-value; `--` for what is missing."""
    if gain.finding is None:
        return ["--"] * 3
    interval = "--"
    if gain.finding.interval is not None:
        low, high = map(signed, gain.finding.interval)
        interval = f"{{[}}{low}, {high}{{]}}"
    return [f"{signed(gain.finding.difference.mean)}{MARKS[gain.mark]}", interval, _p(gain.finding.p)]


def _p(value: float | None) -> str:
    if value is None:
        return "--"
    return "$<$0.001" if value < 0.001 else f"{value:.3f}"


def _float(heads: Sequence[Sequence[str]], lines: Sequence[Sequence[str]], names: int, caption: str, label: str) -> str:
    """Return a floating table; lines of different models or methods are apart."""
    columns = "l" * names + "r" * (len(heads[0]) - names)
    safe = "".join(character if character.isalnum() or character == "-" else "-" for character in label)
    blocks = [
        "\n".join(f"{' & '.join(line)} \\\\" for line in block)
        for _, block in groupby(lines, key=lambda line: line[: names - 1])
    ]
    body = "\n\\addlinespace\n".join(blocks)
    head = "\n".join(f"{' & '.join(line)} \\\\" for line in heads)
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering\small\setlength{\tabcolsep}{4pt}",
            rf"\caption{{{caption}}}",
            rf"\label{{tab:{safe}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            head,
            r"\midrule",
            body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )
