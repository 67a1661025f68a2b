"""The workspace of cuBLAS with which its products are the same in every run.

torch checks the variable at the first product on a GPU of a process, and keeps the answer until the process ends
(`Context::alertCuBLASConfigNotDeterministic`). A worker therefore sets it at its start.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

CUBLAS_VARIABLE = "CUBLAS_WORKSPACE_CONFIG"
CUBLAS_WORKSPACES = (":4096:8", ":16:8")
"""The values that torch accepts in its deterministic mode."""


def set_cublas_workspace() -> None:
    """Set the variable, unless torch accepts its value already."""
    if not is_deterministic():
        os.environ[CUBLAS_VARIABLE] = CUBLAS_WORKSPACES[0]


def is_deterministic() -> bool:
    """Return whether the variable has a value that torch accepts in its deterministic mode."""
    return os.environ.get(CUBLAS_VARIABLE) in CUBLAS_WORKSPACES


class _Blocks:
    """The blocks of all threads that need the variable now."""

    lock = threading.Lock()
    count = 0
    before: str | None = None


@contextmanager
def cublas_workspace() -> Iterator[None]:
    """Set the variable inside the block; its value before returns when the last such block of the process ends."""
    with _Blocks.lock:
        if not _Blocks.count:
            _Blocks.before = os.environ.get(CUBLAS_VARIABLE)
        _Blocks.count += 1
        set_cublas_workspace()
    try:
        yield
    finally:
        with _Blocks.lock:
            _Blocks.count -= 1
            if not _Blocks.count:
                _restore(_Blocks.before)


def _restore(value: str | None) -> None:
    if value is None:
        os.environ.pop(CUBLAS_VARIABLE, None)
    else:
        os.environ[CUBLAS_VARIABLE] = value
