"""What is printed: one way out, and no character of a stranger that a terminal obeys or hides."""

from __future__ import annotations

import ast
import io
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import layover
from layover.cli import console
from layover.cli.bars import Bars
from layover.cli.main import main
from layover.errors import printable
from layover.escape import json_text

SOURCE = Path(layover.__file__).parent
WAYS_OUT = {"cli/console.py", "cli/bars.py", "stopping.py"}
"""The files that may write to a terminal."""
HOSTILE = (
    "\x1b[2J\x1b]0;title\x07 \x9b31m \x08\r\x0b\x0c\x7f\x85 \u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    "\u2028\u2029\u200b\u200e\ufeff\U000e0041\ud83d\udcff [red]markup[/] [link=x]y[/link] :warning:"
)
WRITERS = {"print", "pprint", "echo", "secho", "print_exc", "print_exception", "print_json"}
STREAMS = {"stdout", "stderr", "__stdout__", "__stderr__"}
HANDLERS = {"StreamHandler", "basicConfig", "FileHandler", "RichHandler", "Console", "Live", "Status", "tqdm", "trange"}


def obeyed(text: str) -> set[str]:
    """Return the characters that a terminal does more with than show them."""
    return {one for one in text if not one.isprintable() and one not in "\n\u200c\u200d"}


def written(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and source of all that may print by itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            handed = {part for one in node.keywords if one.arg in {"file", "stream"} for part in parts(one.value)}
            if name in WRITERS | HANDLERS or ast.unparse(node.func) == "os.write" or handed & STREAMS:
                yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Attribute) and node.attr in {"write", "writelines"}:
            if STREAMS & set(parts(node.value)):
                yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            if any(name.split(".")[0] in {"rich", "tqdm", "curses"} for name in names):
                yield node.lineno, ast.unparse(node)


def parts(node: ast.AST) -> list[str]:
    return ast.unparse(node).split(".")


def test_nothing_else_prints() -> None:
    files = {file.relative_to(SOURCE).as_posix(): file for file in SOURCE.rglob("*.py")}
    assert set(files) > WAYS_OUT
    found = {name: list(written(ast.parse(file.read_text(encoding="utf-8")))) for name, file in files.items()}
    assert {name: lines for name, lines in found.items() if lines and name not in WAYS_OUT} == {}
    assert all(found[name] for name in WAYS_OUT)


@pytest.mark.parametrize(
    "line",
    [
        "print(1)",
        "typer.echo(name)",
        "click.secho(name)",
        "sys.stdout.write(name)",
        "sys.stderr.write(name)",
        "sys.stdout.buffer.write(name)",
        "os.write(1, name)",
        "from rich.console import Console",
        "logging.basicConfig()",
        "json.dump(value, fp=1, stream=sys.stderr)",
        "traceback.print_exc()",
    ],
)
def test_the_walk_sees_what_prints(line: str) -> None:
    assert list(written(ast.parse(line)))


@pytest.mark.parametrize("write", [console.say, console.answer, console.complain])
def test_what_is_said_is_shown(write: Callable[[str], None], capsys: pytest.CaptureFixture[str]) -> None:
    write(f"before {HOSTILE} after")
    said = capsys.readouterr()
    text = said.out + said.err
    assert obeyed(text) == set()
    assert text.count("\n") == 1
    assert all(word in text for word in ("before", "after", "[red]markup[/]", "[link=x]y[/link]", ":warning:"))


@given(st.text(st.characters(), max_size=40))
def test_json_for_machines_is_exact_and_shown(text: str) -> None:
    found = json_text({text: [text, 0.1, None, True]})
    assert obeyed(found) == set()
    assert found.isprintable()
    assert json.loads(found) == {text: [text, 0.1, None, True]}


@given(st.text(st.characters(), max_size=40))
def test_what_is_printable_is_shown_as_it_is(text: str) -> None:
    assert obeyed(printable(text)) == set()
    assert "\n" not in printable(text)
    assert printable(printable(text)) == printable(text)


def test_joiners_stay_in_the_words_that_need_them() -> None:
    assert printable("می\u200cخواهم") == "می\u200cخواهم"
    assert printable("क्\u200dष") == "क्\u200dष"
    assert printable("pay\u200cpal") == "pay\\u200cpal"
    assert printable("\u200cx \u200d") == "\\u200cx \\u200d"


def test_a_table_is_aligned_by_what_is_shown() -> None:
    lines = console.table(["name", "n"], [["a\x1b[2J\n", "1"], ["b", "10"]])
    assert lines == ["name         n", "----------  --", "a\\x1b[2J\\n   1", "b           10"]


def test_no_later_line_of_an_error_looks_like_another_error(capsys: pytest.CaptureFixture[str]) -> None:
    console.complain("a file\nlayover: all is well\n  an item")
    assert capsys.readouterr().err == "layover: a file\n  layover: all is well\n  an item\n"


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def test_bars_show_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", screen := Screen())
    monkeypatch.setenv("TERM", "dumb")
    with Bars() as bars:
        bars.note(f"note {HOSTILE}")
        bar = bars.add(f"label {HOSTILE}")
        bars.update(bar, 1, 2, f"speed {HOSTILE}", f"left {HOSTILE}")
        bars.remove(bar)
    text = screen.getvalue()
    assert obeyed(text) == set()
    assert ":warning:" in text
    assert "[link=x]y[/link]" in text


def test_libraries_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    with console.libraries_shown():
        logging.StreamHandler().emit(logging.LogRecord("a", logging.WARNING, "", 0, HOSTILE, None, None))
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            sys.stderr.write(warnings.formatwarning(HOSTILE, UserWarning, HOSTILE, 1, HOSTILE))
    assert sys.stderr is stream
    assert "markup" in stream.getvalue()
    assert obeyed(stream.getvalue()) == set()


def test_a_traceback_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    with pytest.raises(ValueError, match="markup"), console.libraries_shown():
        raise ValueError(HOSTILE)
    sys.stderr.write(f"ValueError: {HOSTILE}\n")
    assert obeyed(stream.getvalue()) == set()
    monkeypatch.setattr(sys, "stderr", stream)
    with pytest.raises(SystemExit), console.libraries_shown():
        raise SystemExit(2)
    assert sys.stderr is stream


def test_a_bar_of_a_library_goes_back_to_the_beginning_of_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    with console.libraries_shown():
        sys.stderr.write("\r 10%| 1/10\r\x1b[A")
    assert screen.getvalue() == "\r 10%| 1/10\\r\\x1b[A"


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", f"no{HOSTILE}.yaml"],
        [HOSTILE],
        ["check", "--" + HOSTILE],
        ["list", HOSTILE],
        ["verify", HOSTILE],
        ["pull", HOSTILE],
        ["predict", HOSTILE, "--package", HOSTILE],
        ["why", HOSTILE, "--store", "store"],
        ["data", "check", HOSTILE],
        ["fit", "--model", HOSTILE, "--gpu", "6GiB"],
        ["new", "task", HOSTILE, "--kind", HOSTILE],
        ["gc", HOSTILE, "--keep", HOSTILE],
        ["report", HOSTILE, f"{HOSTILE}=1"],
    ],
)
def test_arguments_are_quoted_as_they_can_be_shown(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["layover", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    said = capsys.readouterr()
    assert stopped.value.code == 2
    assert said.err
    assert obeyed(said.out + said.err) == set()


def test_a_recipe_is_quoted_as_it_can_be_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = json.dumps({"schema": 1, HOSTILE: HOSTILE, "name": HOSTILE, "sweep": {"target": [HOSTILE]}})
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["layover", "check", str(tmp_path / "recipe.yaml")])
    with pytest.raises(SystemExit) as stopped:
        main()
    said = capsys.readouterr()
    assert stopped.value.code == 2
    assert "recipe.yaml" in said.err
    assert obeyed(said.out + said.err) == set()
