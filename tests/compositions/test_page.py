"""docs/compositions.md says of every module and composition what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from layover import compositions, mixers, modules
from layover.mixers._router import Router

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "compositions.md").read_text(encoding="utf-8")


def table(heading: str) -> dict[str, dict[str, str]]:
    """Return the table below a heading: first column -> header -> cell, without marks."""
    lines = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0].splitlines()
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    headers = rows[0]
    return {row[0]: dict(zip(headers[1:], row[1:], strict=True)) for row in rows[2:]}


TOGETHER = table("What goes together")


def test_every_module_and_composition_is_there() -> None:
    assert set(TOGETHER) == set(modules.names())
    assert {name for row in TOGETHER.values() for name in row} == set(compositions.names())


@pytest.mark.parametrize("module", modules.names())
@pytest.mark.parametrize("name", compositions.names())
def test_what_the_page_says_is_so(module: str, name: str) -> None:
    refused = bool(compositions.get(name)().refuses(modules.get(module)()))
    assert TOGETHER[module][name].startswith("no") is refused


def test_every_mixer_is_told_of() -> None:
    named = {name for name in mixers.names() if f"| `{name}` |" in PAGE}
    assert named == {
        name for name in mixers.names() if mixers.get(name).learned or issubclass(mixers.get(name), Router)
    }
