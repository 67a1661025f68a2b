"""Output files of the commands, written completely or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from layover.errors import LayoverError


def check_out(out: Path) -> None:
    """Refuse a path that cannot become a file.

    Raises:
        LayoverError: the path is a folder or another special file, or its folder is missing.
    """
    if out.exists() and not out.is_file():
        problem = (
            "is a folder; name a file" if out.is_dir() else "is not an ordinary file; omit --out for standard output"
        )
        raise LayoverError(f"--out {out}: {problem}")
    if not out.parent.is_dir():
        raise LayoverError(f"--out {out}: the folder {out.parent} does not exist")


@contextmanager
def whole_file(out: Path) -> Iterator[Path]:
    """Yield a file to write; it replaces `out` if the block succeeds.

    Raises:
        LayoverError: `out` cannot be written.
    """
    check_out(out)
    out = out.resolve()  # the target of a link is replaced, not the link
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".layover.") as work:
        file = Path(work) / out.name
        yield file
        file.replace(out)
