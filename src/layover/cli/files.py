"""Files that a verb writes: there whole, or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from layover.errors import LayoverError


def check_out(out: Path) -> None:
    """Refuse a place where no file can be written.

    Raises:
        LayoverError: it is a folder or no ordinary file, or there is no folder for it.
    """
    if out.exists() and not out.is_file():
        what = "is a folder" if out.is_dir() else "is no ordinary file; leave --out away to write to standard output"
        raise LayoverError(f"--out {out}: {what}")
    if not out.parent.is_dir():
        raise LayoverError(f"--out {out}: there is no folder {out.parent}")


@contextmanager
def whole_file(out: Path) -> Iterator[Path]:
    """Give a file to be written, which takes the place of `out` when all went well.

    Raises:
        LayoverError: see `check_out`.
    """
    check_out(out)
    out = out.resolve()  # a link stays one
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".layover.") as work:
        file = Path(work) / out.name
        yield file
        file.replace(out)
