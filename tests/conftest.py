"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The public test data, or a skip that says how to have it."""
    root = Path(os.environ.get("LAYOVER_DATA", ROOT.parent / "shared" / "data"))
    if not (root / "README.md").is_file():
        pytest.skip(f"no public test data at {root}; set LAYOVER_DATA to its folder")
    return root
