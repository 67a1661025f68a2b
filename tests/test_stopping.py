"""Requests to end, each in a process of its own that does next to nothing else."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

BEGIN = """
import os, signal, sys, time
from layover import stopping
from layover.stopping import Stop, requested, heed, held, over
"""


def said(code: str, *, ignored: tuple[signal.Signals, ...] = (), cwd: Path | None = None) -> tuple[int, str, str]:
    """Run Python code that heeds requests; return its exit code and what it wrote to both outputs."""

    def dispositions() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

    found = subprocess.run(
        [sys.executable, "-c", BEGIN + code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=cwd,
        preexec_fn=dispositions,
    )
    return found.returncode, found.stdout, found.stderr


def test_the_first_request_raises_and_the_others_change_nothing() -> None:
    code = """
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    heed()
    try:
        os.kill(os.getpid(), number)
        time.sleep(1)
        print("goes on")
    except Stop:
        print(number.name, requested())
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.raise_signal(other)
"""
    assert said(code) == (0, "SIGINT True\nSIGTERM True\nSIGHUP True\n", "")


def test_what_was_ignored_at_the_start_stays_ignored() -> None:
    code = """
heed()
signal.raise_signal(signal.SIGHUP)
signal.raise_signal(signal.SIGINT)
print(requested())
try:
    signal.raise_signal(signal.SIGTERM)
except Stop:
    print(requested())
"""
    assert said(code, ignored=(signal.SIGHUP, signal.SIGINT)) == (0, "False\nTrue\n", "")


def test_a_request_is_noted_inside_a_block_and_raised_at_its_end() -> None:
    code = """
heed()
try:
    with held():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        print("inside", requested())
    print("behind")
except Stop:
    print("raised")
"""
    assert said(code) == (0, "inside True\nraised\n", "")


def test_an_error_inside_a_block_stays_that_error() -> None:
    code = """
heed()
try:
    with held():
        signal.raise_signal(signal.SIGTERM)
        raise ValueError
except ValueError:
    print("as it was")
"""
    assert said(code) == (0, "as it was\n", "")


def test_a_person_who_insists_is_let_go_at_once() -> None:
    code = """
heed()
stopping.PATIENCE = 0.2
with held():
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    print("still", flush=True)
    time.sleep(0.3)
    signal.raise_signal(signal.SIGTERM)
    print("schedulers repeat themselves", flush=True)
    signal.raise_signal(signal.SIGINT)
    print("never")
"""
    assert said(code) == (130, "still\nschedulers repeat themselves\n", "layover: stopped\n")


def test_one_request_is_enough_however_often_it_is_swallowed() -> None:
    code = """
heed()
stopping.PATIENCE = 0.1
for _ in range(3):
    try:
        if not requested():
            signal.raise_signal(signal.SIGTERM)
        time.sleep(20)
        print("lost")
    except:
        print("swallowed", flush=True)
over()
time.sleep(0.3)
print("over")
"""
    assert said(code) == (0, "swallowed\n" * 3 + "over\n", "")


def test_a_request_inside_a_finalizer_is_raised_behind_it() -> None:
    code = """
class Held:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
        time.sleep(0.01)

heed()
try:
    Held()
    time.sleep(5)
    print("lost")
except Stop:
    print("raised")
"""
    assert said(code) == (0, "raised\n", "")


def test_nothing_is_heard_when_the_work_is_done() -> None:
    code = """
class Last:
    def __del__(self):
        tell()

def tell(requests=(signal.SIGINT, signal.SIGTERM, signal.SIGHUP), send=os.kill, this=os.getpid(), write=os.write):
    for number in requests:
        send(this, number)
    write(1, b"done\\n")

heed()
over()
tell()
sys.modules["a module that is taken down last"] = Last()
signal.kept = Last()
"""
    assert said(code) == (0, "done\n" * 3, "")


AT_IMPORT = """
class At:
    def find_spec(self, name, path, target=None):
        if name == {name!r}:
            for _ in range(3):
                signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, At())
sys.argv = ["layover", *{arguments!r}]
from layover.cli.main import main
main()
"""
RECIPE = Path(__file__).resolve().parents[1] / "recipes" / "own-data.yaml"


@pytest.mark.parametrize(
    ("name", "verb"),
    [
        ("layover.cli.streams", "plan"),
        ("typer", "plan"),
        ("layover.recipe.schema", "run"),
        ("layover.report", "report"),
    ],
)
def test_ctrl_c_during_imports_is_one_line(name: str, verb: str, tmp_path: Path) -> None:
    arguments = [verb, str(RECIPE), "--store", str(tmp_path / "store")]
    code, out, error = said(AT_IMPORT.format(name=name, arguments=arguments), cwd=RECIPE.parents[1])
    kept = "; finished nodes are kept; the same command resumes the run" if verb == "run" else ""
    assert (code, out, error) == (130, "", f"layover: stopped{kept}\n")
    assert not (RECIPE.parents[1] / "reports" / "own-data").exists()


def test_the_entry_imports_next_to_nothing() -> None:
    code = (
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'typing', 'typer', 'json', 'psutil', 'difflib'}))"
    )
    assert said(f"import layover.cli.main\n{code}") == (0, "[]\n", "")
