"""Reports: tables of the stored results of a plan. Reports read scores and never compute them."""

from layover.report.rows import CellRow, rows_of

__all__ = ["CellRow", "rows_of"]
