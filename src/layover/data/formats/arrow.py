"""Arrow files (IPC): the stream format, in which `datasets` caches and saves, and the file format, called Feather."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from layover.data.formats import _arrow
from layover.data.formats._layout import FileLayout
from layover.data.formats._row import Row

MAGIC = b"ARROW1"


def read(path: Path, layout: FileLayout) -> Iterator[Row]:  # noqa: ARG001 - Arrow files need no layout
    """Yield one row per row; integers of a ClassLabel column of `datasets` become label names.

    Raises:
        DataError: not an Arrow file, or a damaged Arrow file.
    """
    import pyarrow as pa

    with _arrow.source(path) as file:
        begin = file.read(len(MAGIC))
        file.seek(0)
        if begin == MAGIC:
            whole = pa.ipc.open_file(file)
            yield from _arrow.rows(path, whole.schema, map(whole.get_batch, range(whole.num_record_batches)))
        else:
            stream = pa.ipc.open_stream(file)
            yield from _arrow.rows(path, stream.schema, stream)


FORMAT = read
READS: frozenset[str] = frozenset()
