"""JSON that no row can be made of: half characters, keys that stand twice, numbers and nesting without end."""

from __future__ import annotations

from pathlib import Path

import pytest

from layover.data import formats
from layover.data.formats import FileLayout
from layover.errors import DataError

HALF = "is half a character .* write the whole character, or remove it"
BAD = [
    (r'{"a": "x \ud83d"}', HALF),
    (r'{"a": "x \uDE00 y"}', HALF),
    (r'{"a": "\ud83d\ud83d\ude00"}', HALF),
    (r'{"a": "\\\ud83d"}', HALF),
    (r'{"x\ud83d": "a"}', HALF),
    ('{"a": ' + "1" * 5000 + "}", "too many digits; write it as text"),
    ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
    ('{"a": "x", "b": 1, "a": "y"}', "one object has the key 'a' twice"),
    ('{"a": {"b": 1, "b": 1}}', "one object has the key 'b' twice"),
    ('{"a": ', "not JSON"),
]


def read(path: Path, text: str, name: str) -> list[object]:
    path.write_text(text, encoding="utf-8")
    return [row.values for row in formats.read(path, FileLayout(format=name))]


@pytest.mark.parametrize(("line", "message"), BAD)
def test_a_line_of_jsonl(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"t:2: .*{message}"):
        read(tmp_path / "t", f'{{"a": "fine"}}\n{line}\n', "jsonl")


@pytest.mark.parametrize("name", ["json", "squad", "pubmedqa"])
@pytest.mark.parametrize(("value", "message"), BAD)
def test_a_document(tmp_path: Path, value: str, message: str, name: str) -> None:
    with pytest.raises(DataError, match=rf"t(:\d+)?: .*{message}"):
        read(tmp_path / "t", f"[\n{value}\n]", name)


def test_a_document_says_the_line_of_half_a_character(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t:3: .ud83d is half"):
        read(tmp_path / "t", '[{"a": "\\ud83d\\ude00"},\n\n{"a": "\\ud83d"}]', "json")


@pytest.mark.parametrize("name", ["json", "jsonl"])
def test_whole_characters_and_backslashes_are_text(tmp_path: Path, name: str) -> None:
    text = r'{"a": "\ud83d\ude00 \uD83D\uDE00 \\ud83d \u00e9"}'
    found = read(tmp_path / "t", f"[{text}]" if name == "json" else text, name)
    assert found == [{"a": "\N{GRINNING FACE} \N{GRINNING FACE} \\ud83d \xe9"}]
