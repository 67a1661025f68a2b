"""docs/plugins.md names every group with its constant, and shows what `layover new` says."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from layover.cli.main import build_app
from layover.plugins import GROUPS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
TOY = (Path(__file__).parent / "toy" / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("group", GROUPS)
def test_it_names_every_group(group: str) -> None:
    constant = group.removeprefix("layover.").rpartition("_")[2].upper().removesuffix("S")
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{group}` |")]
    assert f"`{constant}`" in row
    assert f'[project.entry-points."{group}"]' in TOY


def test_it_shows_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    block = PAGE.split("```console\n$ layover ")[1].split("```")[0]
    command, _, shown = block.partition("\n")
    assert CliRunner().invoke(build_app(), command.split()).stdout == shown
    project = (tmp_path / "tilt" / "pyproject.toml").read_text(encoding="utf-8")
    assert PAGE.split("```toml\n")[1].split("```")[0] in project
