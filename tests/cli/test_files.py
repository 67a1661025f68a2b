"""Files that a verb writes: under every name that the file system takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from layover.cli.files import whole_file


@pytest.mark.parametrize("name", ["out.jsonl", "x" * 249 + ".jsonl"])
def test_a_file_of_any_name_is_written_whole(tmp_path: Path, name: str) -> None:
    assert len(name) <= 255
    with whole_file(tmp_path / name) as file:
        file.write_text("all", encoding="utf-8")
        assert not (tmp_path / name).exists()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text(encoding="utf-8") == "all"
