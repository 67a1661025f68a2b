"""docs/python.md, block by block: what it shows is run, and what comes out is compared."""

from __future__ import annotations

import re
import shlex
import sys
from doctest import ELLIPSIS, DocTestParser, DocTestRunner, OutputChecker
from pathlib import Path
from typing import Any

import pytest
from tests.kinds_of import SHARED

from layover import kinds
from layover.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```\n", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (?P<line>[^\n]+)\n(?P<said>(?:(?!\$ )[^\n]*\n)*)", re.MULTILINE)


def test_what_the_page_says_is_what_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The packages and recipes are those that ship with a checkout; the store is a new one."""
    for name in ("adapters_hub_export", "recipes"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    blocks = list(BLOCK.finditer(PAGE))
    assert len(blocks) * 2 == PAGE.count("\n```")
    for block in blocks:
        text = block["text"]
        if block["language"] == "console":
            assert "".join(command[0] for command in COMMAND.finditer(text)) == text
            for command in COMMAND.finditer(text):
                command_says(command["line"], command["said"], monkeypatch, capsys)
        elif ">>>" in text:
            session(text, names)
        else:
            exec(compile(text, "docs/python.md", "exec"), names)  # noqa: S102
            assert "Traceback" not in capsys.readouterr().out


def session(text: str, names: dict[str, Any]) -> None:
    """Run what a reader types, and compare what they see."""
    said: list[str] = []
    runner = DocTestRunner(optionflags=ELLIPSIS, verbose=False)
    test = DocTestParser().get_doctest(text, names, "docs/python.md", "docs/python.md", 0)
    assert test.examples
    runner.run(test, out=said.append, clear_globs=False)
    names.update(test.globs)  # the test has its own copy
    assert not said, "".join(said)


def command_says(line: str, promised: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    with pytest.raises(SystemExit) as ended:
        main()
    found = capsys.readouterr().out
    assert not ended.value.code
    assert OutputChecker().check_output(promised, found, ELLIPSIS), f"$ {line}\n{found}\nbut the page says\n{promised}"


def test_every_kind_and_every_word_of_a_result_is_told_of() -> None:
    for kind in SHARED:
        assert f"| `{kind}` |" in PAGE
        result = kinds.get(kind).result
        assert result is not None
        assert result.__name__ in PAGE
        for field in result.__dataclass_fields__:
            assert f"`{field}`" in PAGE, field
