"""The gain of each intermediate task: the difference to the same method without one, with what statistics says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from layover.plan.nodes import Group
from layover.report.rows import OTHER_LANGUAGES, CellRow, difference, missing_reason, signed, zero_shot_targets
from layover.report.seed_scores import difference_of
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
    shown: bool
    """Whether tables and pictures show it: over the zero-shot languages, or over all languages of a target without
    these."""
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
        text, count = finding_text(self.finding), self.finding.difference.count
        if self.reason:
            return f"{text} over {count} seed{'' if count == 1 else 's'}, others {self.reason}"
        return f"{text} over {count} of {self.planned} seeds" if count < self.planned else text


class RowsWithGains(tuple[CellRow, ...]):  # noqa: SLOT001 - a cached property needs a dictionary
    """Rows that compute their gains once: most parts of a report need them."""

    @cached_property
    def gains(self) -> list[Gain]:
        """The gains of the rows."""
        return _gains(self)


def finding_text(finding: Finding) -> str:
    """Return `+4.8 [+1.2, +8.4] ▲`; without interval and mark if there is none."""
    parts = [signed(finding.difference.mean)]
    if finding.interval is not None:
        low, high = map(signed, finding.interval)
        parts.append(f"[{low}, {high}]" + (" (items)" if finding.basis == "items" else ""))
    return " ".join([*parts, ARROWS[finding.mark]]).rstrip()


def finding_values(finding: Finding | None) -> dict[str, float | str | None]:
    """Return the numbers and words of a finding for programs; all are None without one."""
    names = ("difference", "low", "high", "basis", "p", "mark")
    if finding is None:
        return dict.fromkeys(names)
    low, high = finding.interval or (None, None)
    return dict(zip(names, (finding.difference.mean, low, high, finding.basis, finding.p, finding.mark), strict=True))


def gains(rows: Sequence[CellRow]) -> list[Gain]:
    """Return the gains of all scored cells with an intermediate, in the order of the sweep.

    A family has the comparisons of one target: over all languages, and once more over the zero-shot languages.
    """
    return rows.gains if isinstance(rows, RowsWithGains) else _gains(rows)


def _gains(rows: Sequence[CellRow]) -> list[Gain]:
    groups: dict[Group, list[CellRow]] = {}
    for row in rows:
        if row.cell.baseline is not None:
            groups.setdefault(row.cell.group, []).append(row)
    entries, far = [], zero_shot_targets(rows)
    for target in dict.fromkeys(group[3] for group in groups):
        members = {group: each for group, each in groups.items() if group[3] == target}
        for zero_shot in (False, True):
            entries += _of_family(members, zero_shot=zero_shot, shown=zero_shot == (target in far))
    order = {group: place for place, group in enumerate(groups)}
    return sorted(entries, key=lambda gain: order[(*gain.group, gain.target)])


def _of_family(groups: dict[Group, list[CellRow]], *, zero_shot: bool, shown: bool) -> list[Gain]:
    """Return the gains of one target over some languages."""
    differences: dict[Group, tuple[Difference | None, str, str]] = {}
    planned: dict[Group, int] = {}
    same: dict[tuple[tuple[str, str | None], ...], list[Group]] = {}
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
        Gain(*group, metric, languages, shown, findings.get(group), marked, planned[group], reason)
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
    paired_difference = difference_of(pairs, metric, zero_shot=zero_shot, seeded=seeded)
    return paired_difference, missing_reason(reasons, nothing_known=False)


def shown(entries: Sequence[Gain]) -> list[Gain]:
    """Return the gains for tables and pictures."""
    return [gain for gain in entries if gain.shown]
