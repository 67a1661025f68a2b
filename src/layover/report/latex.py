"""The first table and the gains of a report as LaTeX, with booktabs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from layover.escape import latex
from layover.report.gains import ALL, Gain, shown
from layover.report.rows import signed
from layover.report.summary import Summary, SummaryCell, explained

MARKS = {"gain": r"$^{\uparrow}$", "loss": r"$^{\downarrow}$", "open": "", "missing": ""}
PACKAGES = r"% needs \usepackage[T1]{fontenc}, \usepackage[utf8]{inputenc} and \usepackage{booktabs}"
NAMES = ("model", "method", "intermediate")


def tables(table: Summary, gains: Sequence[Gain], name: str) -> str:
    """Return two tables: the scores, and the gains with their 95 % intervals.

    Args:
        table: The first table.
        gains: The gains.
        name: Name of the sweep, for captions and labels.
    """
    parts = [PACKAGES, _scores(table, name)]
    if gains:
        parts.append(_gains(shown(gains), name))
    return "\n\n".join(parts) + "\n"


def _scores(table: Summary, name: str) -> str:
    text = latex(explained(table)).replace("▲", r"$\uparrow$").replace("▼", r"$\downarrow$")
    caption = f"{latex(name)}. {text} Bold is the best score of a target."
    heads = [*NAMES, *table.targets]
    lines = [[*map(latex, group), *map(_cell, line.values())] for group, line in table.lines.items()]
    metrics = ["", "", "", *map(latex, table.targets.values())]
    return _float([list(map(latex, heads)), metrics], lines, caption, f"{name}-scores")


def _cell(cell: SummaryCell) -> str:
    score = latex(cell.score())
    mark = "" if cell.gain is None else MARKS[cell.gain.mark]
    return (rf"\textbf{{{score}}}" if cell.best else score) + mark


def _gains(gains: Sequence[Gain], name: str) -> str:
    lines = []
    for gain in gains:
        finding = gain.finding
        if finding is None:
            values = ["--", "--", "--"]
        else:
            interval = "--"
            if finding.interval is not None:
                low, high = map(signed, finding.interval)
                interval = f"{{[}}{low}, {high}{{]}}"
            values = [f"{signed(finding.difference.mean)}{MARKS[gain.mark]}", interval, _p(finding.p)]
        lines.append([*map(latex, gain.group), latex(gain.target), *values])
    heads = [*NAMES, "target", "gain", r"95\,\% interval", "adjusted p"]
    bases = sorted({gain.finding.basis for gain in gains if gain.finding is not None} - {"none"})
    every = sorted({gain.target for gain in gains if gain.languages == ALL})
    over = f" (all languages: {latex(', '.join(every))})" if every else ""
    caption = (
        f"{latex(name)}. Gains over no intermediate with the same method, in points, over the zero-shot languages"
        f"{over}. "
        f"Intervals are over {' or '.join(bases) or 'nothing'}; p-values are adjusted for all comparisons of a target."
    )
    return _float([heads], lines, caption, f"{name}-gains")


def _p(value: float | None) -> str:
    if value is None:
        return "--"
    return "$<$0.001" if value < 0.001 else f"{value:.3f}"


def _float(heads: Sequence[Sequence[str]], lines: Sequence[Sequence[str]], caption: str, label: str) -> str:
    """Return a floating table; lines of different models or methods are apart."""
    count = len(heads[0])
    columns = "lll" + ("l" if "target" in heads[0] else "") + "r" * (count - 3 - ("target" in heads[0]))
    safe = "".join(character if character.isalnum() or character == "-" else "-" for character in label)
    blocks = [
        "\n".join(f"{' & '.join(line)} \\\\" for line in block)
        for _, block in groupby(lines, key=lambda line: line[:2])
    ]
    body = "\n\\addlinespace\n".join(blocks)
    head = "\n".join(f"{' & '.join(line)} \\\\" for line in heads)
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
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
