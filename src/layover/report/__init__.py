"""Reports: what the store knows about a plan, as tables. Nothing here computes a score."""

from layover.report.rows import CellRow, rows_of

__all__ = ["CellRow", "rows_of"]
