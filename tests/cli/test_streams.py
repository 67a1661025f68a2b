"""Standard output and error that cannot be written: what short verbs do. Of runs see `tests/engine/test_run.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def layover(rest: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `layover REST` in a shell, which sets the standard streams."""
    return subprocess.run(  # noqa: S602
        f"exec {sys.executable} -m layover {rest}",
        shell=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (">/dev/full", "standard output cannot be written: No space left on device"),
        (">&-", "standard output is closed"),
    ],
)
def test_output_that_is_lost_is_told_once(place: str, told: str) -> None:
    found = layover(f"list kinds {place}")
    assert (found.returncode, found.stderr) == (2, f"layover: {told}\n")


def test_a_reader_who_has_seen_enough_is_no_mistake() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    found = subprocess.run(
        [sys.executable, "-m", "layover", "list", "kinds"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.parametrize("place", ["2>/dev/full", "2>&-", ">&- 2>&- <&-"])
def test_a_mistake_has_its_exit_code_where_nobody_can_be_told(place: str) -> None:
    found = layover(f"list nothing {place}")
    assert (found.returncode, found.stdout, found.stderr) == (2, "", "")


@pytest.mark.parametrize("environment", [ASCII, {"PYTHONIOENCODING": "ascii"}], ids=["locale", "encoding"])
def test_an_output_of_few_characters_shows_escapes(environment: dict[str, str]) -> None:
    found = layover("sandbox show --count 1", **environment)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.isascii()
    full = layover("sandbox show --count 1", PYTHONIOENCODING="utf-8").stdout
    assert [json.loads(f'"{line}"') for line in found.stdout.splitlines()] == full.splitlines()
    assert not full.isascii()


def test_an_error_handler_of_the_user_stays() -> None:
    found = layover("sandbox show --count 1", PYTHONIOENCODING="ascii:replace")
    assert "????" in found.stdout


def test_a_pipe_that_does_not_wait_is_waited_for() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    code = "from layover.cli import streams; streams.guard(); sys.stdout.write('x' * 300_000)"
    process = subprocess.Popen([sys.executable, "-c", f"import sys; {code}"], stdout=writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        assert len(stream.read()) == 300_000
    assert process.wait() == 0


def test_no_file_takes_the_place_of_a_stream_that_is_closed() -> None:
    code = "from layover.cli import streams; streams.guard(); f = open('/dev/null'); print(f.fileno(), file=sys.stderr)"
    found = subprocess.run(  # noqa: S602
        f'exec {sys.executable} -c "import sys; {code}" <&- >&-', shell=True, capture_output=True, text=True, check=True
    )
    assert int(found.stderr) > 2
