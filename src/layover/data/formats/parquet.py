"""Parquet files, as on the hub and as pandas, polars and `datasets` write them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from layover.data.formats import _arrow
from layover.data.formats._layout import FileLayout
from layover.data.formats._row import Row


def read(path: Path, layout: FileLayout) -> Iterator[Row]:  # noqa: ARG001 - Parquet files need no layout
    """Yield one row per row; integers of a ClassLabel column of `datasets` become label names.

    Raises:
        DataError: not a Parquet file, or a damaged Parquet file.
    """
    from pyarrow.parquet import ParquetFile

    with _arrow.source(path) as file:
        table = ParquetFile(file)
        yield from _arrow.rows(path, table.schema_arrow, table.iter_batches(_arrow.ROWS_AT_ONCE))


FORMAT = read
READS: frozenset[str] = frozenset()
