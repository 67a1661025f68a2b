"""A sentence for each target with tags: how the tags were read as spans."""

from __future__ import annotations

from collections.abc import Sequence

from layover.escape import inline
from layover.metrics._scheme import described
from layover.plan import Plan
from layover.records import TagScheme
from layover.report._section import Section
from layover.report.rows import CellRow


def text(tags: TagScheme) -> str:
    """Return the sentence about a scheme of tags."""
    return f"Spans are read from the tags: {inline(described(tags.scheme, tags.written, tags.outside))}."


def _target(_plan: Plan, rows: Sequence[CellRow], target: str) -> list[str]:
    records = [row.record for row in rows if row.cell.target == target and row.record is not None]
    return list(dict.fromkeys(text(record.tags) for record in records if record.tags is not None))


SECTION = Section(28, target=_target)
