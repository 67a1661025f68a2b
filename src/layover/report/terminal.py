"""The first table as lines for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from layover.errors import printable
from layover.report.summary import Summary, SummaryCell

COLUMNS = 80
LONGEST_NAME = 24
GAP = "  "

StyledText = tuple[str, bool]
"""Text, and whether it is bold."""
Line = list[StyledText]


def lines_of(table: Summary, columns: int = COLUMNS) -> list[Line]:
    """Return the lines of the table; targets that do not fit beside the others follow below them."""
    names = _names(table)
    widths = {target: _width(table, target) for target in table.targets}
    beside = sum(len(column[0]) + len(GAP) for column in names)
    blocks: list[list[str]] = []
    room = 0
    for target, width in widths.items():
        if not blocks or width + len(GAP) > room:
            blocks.append([])
            room = columns - beside
        blocks[-1].append(target)
        room -= width + len(GAP)
    lines: list[Line] = []
    for block in blocks:
        lines += [[]] if lines else []
        lines += _block(table, names, block, widths)
    return lines


def _names(table: Summary) -> list[list[str]]:
    """Return the columns of names, each with its heading first, padded; the model is left out if there is one."""
    groups = list(table.lines)
    columns = [["method", *(group[1] for group in groups)], ["intermediate", *(group[2] for group in groups)]]
    columns[1] = list(map(table.short, columns[1]))
    if len(table.models) > 1:
        columns.insert(0, ["model", *(group[0] for group in groups)])
    columns = [[_cut(printable(name), LONGEST_NAME) for name in column] for column in columns]
    return [[name.ljust(max(map(len, column))) for name in column] for column in columns]


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most // 2]}…{name[len(name) - (most - most // 2 - 1) :]}"


def _pieces(cell: SummaryCell) -> tuple[str, str]:
    return cell.score(), cell.marked()


def _width(table: Summary, target: str) -> int:
    """Return the width of the column of a target."""
    score, mark = _parts(table, target)
    return max(score + mark, len(_heading(table, target)), len(_cut(table.targets[target], 16)))


def _parts(table: Summary, target: str) -> tuple[int, int]:
    """Return the widths of scores and of marks in the column of a target; a mark has a space before it."""
    cells = [_pieces(line[target]) for line in table.lines.values()]
    score, mark = (max(len(cell[part]) for cell in cells) for part in (0, 1))
    return score, mark + 1 if mark else 0


def _heading(table: Summary, target: str) -> str:
    return _cut(table.short(printable(target)), 16)


def _block(table: Summary, names: list[list[str]], block: Sequence[str], widths: dict[str, int]) -> list[Line]:
    """Return the lines of some targets: two of headings, and one for each group."""
    blank = GAP.join(" " * len(column[0]) for column in names)
    heads = GAP.join(column[0] for column in names)
    targets = GAP.join(_heading(table, target).ljust(widths[target]) for target in block)
    metrics = GAP.join(_cut(table.targets[target], 16).ljust(widths[target]) for target in block)
    lines: list[Line] = [[(f"{blank}{GAP}{targets}".rstrip(), False)], [(f"{heads}{GAP}{metrics}".rstrip(), False)]]
    for number, line in enumerate(table.lines.values(), 1):
        pieces: Line = [(GAP.join(column[number] for column in names), False)]
        for target in block:
            pieces += _cell(table, target, line[target], widths[target])
        lines.append(pieces)
    return lines


def _cell(table: Summary, target: str, cell: SummaryCell, width: int) -> Line:
    score, mark = _pieces(cell)
    room, _ = _parts(table, target)
    rest = f" {mark}" if mark else ""
    after = width - max(room, len(score)) - len(rest)
    padded = score.rjust(room) if cell.spread is not None else score.ljust(room)
    return [(GAP, False), (padded, cell.best), (rest + " " * max(after, 0), False)]
