"""The gain of each intermediate task: the difference to the same method without one, with what statistics says."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any, TypeVar

from layover.plan.nodes import Group
from layover.recipe.scored import Report
from layover.report.rows import OTHER_LANGUAGES, CellRow, difference, missing_reason, signed, zero_shot_targets
from layover.report.seed_scores import difference_of
from layover.statistics import Difference, Finding, family

ZERO_SHOT, ALL = "zero-shot", "all"
GROUP_AXES = ("model", "method", "intermediate", "target")
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


class ReportRows(tuple[CellRow, ...]):  # noqa: SLOT001 - it has a dictionary
    """The rows of a report, with the declared family. What several parts of a report need is computed once (`once`)."""

    family: tuple[str, ...] = Report().family
    """Axes of the sweep: comparisons that are equal in them are one family."""

    @classmethod
    def of(cls, rows: Sequence[CellRow], family: tuple[str, ...]) -> ReportRows:
        """Return the rows with the family that a recipe declares."""
        made = cls(rows)
        made.family = family
        return made

    @cached_property
    def computed(self) -> dict[Callable[[Sequence[CellRow]], Any], Any]:
        """Function -> its result for these rows."""
        return {}


R = TypeVar("R")
K = TypeVar("K", bound=Hashable)


def once(compute: Callable[[Sequence[CellRow]], R]) -> Callable[[Sequence[CellRow]], R]:
    """Return a function of rows that computes its result once for each `ReportRows`; the result must not be changed."""

    @wraps(compute)
    def computed(rows: Sequence[CellRow]) -> R:
        if not isinstance(rows, ReportRows):
            return compute(rows)
        if compute not in rows.computed:
            rows.computed[compute] = compute(rows)
        result: R = rows.computed[compute]
        return result

    return computed


def family_axes(rows: Sequence[CellRow]) -> tuple[str, ...]:
    """Return the axes of the sweep that comparisons of one family have in common."""
    return rows.family if isinstance(rows, ReportRows) else ReportRows.family


def family_name(axes: Sequence[str]) -> str:
    """Return the comparisons that are one family, in words: `with the same target`, `of the report`."""
    return f"with the same {' and '.join(axes)}" if axes else "of the report"


@dataclass(frozen=True)
class Compared:
    """A difference of cells, before statistics."""

    difference: Difference
    work: Hashable
    """The keys of the compared scores: comparisons with equal ones are the same comparison."""


def findings(rows: Sequence[CellRow], comparisons: Mapping[Group, Compared]) -> dict[Group, tuple[Finding, int]]:
    """Return the finding of each comparison, and the number of comparisons in its family that can be marked.

    Args:
        rows: The rows of the report; they know the declared family.
        comparisons: Group -> comparison; the group's axes decide its family.
    """
    return findings_of(rows, comparisons, lambda group: group)


def findings_of(
    rows: Sequence[CellRow], comparisons: Mapping[K, Compared], group_of: Callable[[K], Group]
) -> dict[K, tuple[Finding, int]]:
    """Return the findings of comparisons, of which a group may have several; they are one family.

    Args:
        rows: The rows of the report; they know the declared family.
        comparisons: Name -> comparison.
        group_of: Name -> group, whose axes decide the family.
    """
    made: dict[K, tuple[Finding, int]] = {}
    families: dict[tuple[str, ...], dict[Hashable, list[K]]] = {}
    for name, comparison in comparisons.items():
        axes = family_axes(rows)
        same = tuple(value for axis, value in zip(GROUP_AXES, group_of(name), strict=True) if axis in axes)
        families.setdefault(same, {}).setdefault(comparison.work, []).append(name)
    for members in families.values():
        first = [names[0] for names in members.values()]
        results = family([comparisons[name].difference for name in first], [group_of(name)[3] for name in first])
        count = sum(finding.p is not None for finding in results)
        for finding, names in zip(results, members.values(), strict=True):
            made |= dict.fromkeys(names, (finding, count))
    return made


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


@once
def gains(rows: Sequence[CellRow]) -> list[Gain]:
    """Return the gains of all scored cells with an intermediate, in the order of the sweep.

    A family has the comparisons of one target, unless the recipe declares another family. The gains that tables show
    are families of their own, and so are the others.
    """
    groups: dict[Group, list[CellRow]] = {}
    for row in rows:
        if row.cell.baseline is not None:
            groups.setdefault(row.cell.group, []).append(row)
    far = zero_shot_targets(rows)
    made = [_shown_or_not(rows, groups, far, shown=shown) for shown in (True, False)]
    return [
        gain
        for group in groups
        for languages in (ALL, ZERO_SHOT)
        for each in made
        if (gain := each.get(group)) is not None and gain.languages == languages
    ]


def _shown_or_not(
    rows: Sequence[CellRow], groups: Mapping[Group, list[CellRow]], far: set[str], *, shown: bool
) -> dict[Group, Gain]:
    """Return the gains over the languages that tables show for each target, or over the other ones."""
    scored: dict[Group, list[CellRow]] = {}
    made: dict[Group, tuple[Difference | None, str]] = {}
    for group, members in groups.items():
        zero_shot = (group[3] in far) == shown
        there = [row for row in members if row.record is not None and row.record.averaged(zero_shot=zero_shot)]
        if there:
            scored[group], made[group] = there, _difference(there, zero_shot=zero_shot)
    known = findings(
        rows,
        {
            group: Compared(difference, tuple((row.cell.score, row.cell.baseline) for row in scored[group]))
            for group, (difference, _) in made.items()
            if difference is not None
        },
    )
    gains = {}
    for group, there in scored.items():
        finding, size = known.get(group, (None, 0))
        languages = ZERO_SHOT if (group[3] in far) == shown else ALL
        reason = made[group][1]
        gains[group] = Gain(*group, there[0].metric, languages, shown, finding, size, len(there), reason)
    return gains


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
