"""The gain of each intermediate task: the difference to the same method without one, with what statistics says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from layover.plan import Cell
from layover.report.compared import difference_of
from layover.report.rows import OTHER_LANGUAGES, CellRow, difference, missing_reason, signed
from layover.statistics import Difference, Finding, family

ZERO_SHOT, ALL = "zero-shot", "all"
ARROWS = {"gain": "▲", "loss": "▼", "open": ""}


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
    finding: Finding | None
    """None if the cell is scored, but no other cell can be compared with it."""
    family: int
    """Number of comparisons that can be marked, for which the p-values are adjusted together."""
    planned: int = 0
    """Number of scored seeds; fewer may have a cell to be compared with."""
    reason: str = ""
    """Reason why the difference is missing, for all seeds or for some."""

    @property
    def group(self) -> tuple[str, str, str]:
        """Model, method and intermediate."""
        return self.model, self.method, self.intermediate

    @property
    def mark(self) -> str:
        """`gain`, `loss` or `open`; `missing` if there is no difference."""
        return "missing" if self.finding is None else self.finding.mark

    def text(self) -> str:
        """Return `+4.8 [+1.2, +8.4] ▲`, or the reason why there is no difference."""
        if self.finding is None:
            return f"–, {self.reason}"
        parts = [finding_text(self.finding)]
        count = self.finding.difference.count
        if self.reason or count < self.planned:
            others = f", others {self.reason}" if self.reason else f" of {self.planned}"
            parts.append(f"over {count} seed{'' if count == 1 and not others.startswith(' of') else 's'}{others}")
        return " ".join(parts)


class _LastGains:
    """The gains of the rows that were asked for last: the parts of a report ask for the same ones."""

    def __init__(self) -> None:
        self._rows: tuple[CellRow, ...] = ()
        self._gains: tuple[Gain, ...] = ()

    def of(self, rows: tuple[CellRow, ...]) -> list[Gain]:
        """Return the gains of rows; only the same tuple is known again."""
        if rows is not self._rows:
            self._rows, self._gains = rows, tuple(_gains(rows))
        return list(self._gains)


_LAST = _LastGains()


def finding_text(finding: Finding) -> str:
    """Return `+4.8 [+1.2, +8.4] ▲`; without interval and mark if there is none."""
    parts = [signed(finding.difference.mean)]
    if finding.interval is not None:
        low, high = map(signed, finding.interval)
        parts.append(f"[{low}, {high}]" + (" (items)" if finding.basis == "items" else ""))
    return " ".join([*parts, ARROWS[finding.mark]]).rstrip()


def gains(rows: Sequence[CellRow]) -> list[Gain]:
    """Return the gains of all scored cells with an intermediate, in the order of the sweep.

    A family has the comparisons of one target: over all languages, and once more over the zero-shot languages.
    """
    return _LAST.of(rows) if isinstance(rows, tuple) else _gains(rows)


def _gains(rows: Sequence[CellRow]) -> list[Gain]:
    groups: dict[tuple[str, str, str, str], list[CellRow]] = {}
    for row in rows:
        if row.cell.baseline is not None:
            groups.setdefault(_group(row.cell), []).append(row)
    entries = []
    for target in dict.fromkeys(group[3] for group in groups):
        members = {group: each for group, each in groups.items() if group[3] == target}
        for zero_shot in (False, True):
            entries += _of_family(members, zero_shot=zero_shot)
    order = {group: place for place, group in enumerate(groups)}
    return sorted(entries, key=lambda gain: order[(*gain.group, gain.target)])


def _of_family(groups: dict[tuple[str, str, str, str], list[CellRow]], *, zero_shot: bool) -> list[Gain]:
    """Return the gains of one target over some languages."""
    differences: dict[tuple[str, str, str, str], tuple[Difference | None, str, str]] = {}
    planned: dict[tuple[str, str, str, str], int] = {}
    same: dict[tuple[tuple[str, str | None], ...], list[tuple[str, str, str, str]]] = {}
    for group, members in groups.items():
        there = [row for row in members if row.record is not None and row.record.averaged(zero_shot=zero_shot)]
        if there:
            differences[group] = (*_difference(there, zero_shot=zero_shot), there[0].metric)
            planned[group] = len(there)
            if differences[group][0] is not None:
                same.setdefault(tuple((row.cell.score, row.cell.baseline) for row in there), []).append(group)
    # equal work has equal keys: such a comparison is one of the family
    first = [differences[groups[0]][0] for groups in same.values()]
    results = family([each for each in first if each is not None])
    findings = {group: each for each, groups in zip(results, same.values(), strict=True) for group in groups}
    marked = sum(finding.p is not None for finding in results)
    languages = ZERO_SHOT if zero_shot else ALL
    return [
        Gain(*group, metric, languages, findings.get(group), marked, planned[group], reason)
        for group, (_, reason, metric) in differences.items()
    ]


def _difference(rows: Sequence[CellRow], *, zero_shot: bool) -> tuple[Difference | None, str]:
    """Return the difference of scored cells to no intermediate, and the reason why it, or a part of it, is missing."""
    metric, pairs, reasons = rows[0].metric, [], []
    for row in rows:
        value = difference(row.record, row.baseline, metric, zero_shot=zero_shot)
        if isinstance(value, str) or row.record is None or row.baseline is None:
            reasons.append(str(value))
        else:
            pairs.append(((row.record, row.items), (row.baseline, row.baseline_items)))
    if len({frozenset(own[0].averaged(zero_shot=zero_shot)) for own, _ in pairs}) > 1:
        return None, OTHER_LANGUAGES
    if not pairs:
        return None, missing_reason(reasons, nothing_known=True)
    seeded = rows[0].cell.seeded, rows[0].cell.baseline_seeded
    entries = difference_of(pairs, metric, zero_shot=zero_shot, seeded=seeded)
    return entries, missing_reason(reasons, nothing_known=False)


def _group(cell: Cell) -> tuple[str, str, str, str]:
    return cell.model, cell.method, cell.intermediate, cell.target


def shown(entries: Sequence[Gain]) -> list[Gain]:
    """Return the gains for tables: over zero-shot languages, or over all languages of a target without these."""
    far = {gain.target for gain in entries if gain.languages == ZERO_SHOT}
    return [gain for gain in entries if (gain.languages == ZERO_SHOT) == (gain.target in far)]
