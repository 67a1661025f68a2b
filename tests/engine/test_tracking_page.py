"""docs/tracking.md: its program runs, and its table has every event with its fields."""

from __future__ import annotations

import dataclasses
import re
import typing
from pathlib import Path

import pytest
from tests.engine.conftest import Folder

from layover.tracking import Event

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tracking.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("event", typing.get_args(Event), ids=lambda event: event.__name__)
def test_the_table_has_every_event(event: type) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith("|") and f"`{event.__name__}`" in line]
    for field in dataclasses.fields(event):
        assert f"`{field.name}`" in row


def test_its_program_runs(folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(folder.root)
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    exec(compile(program, "docs/tracking.md", "exec"), {})  # noqa: S102
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "3 of 3 cells finished"
    assert any(re.fullmatch(r"train moods tiny/lora.* step 16 \{'accuracy': .*\}", line) for line in said)
