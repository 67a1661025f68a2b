"""Runs, `gc` and readers at the same time on one store, some of them killed: no record is lost or changed.

One round is a part of every test run; a thorough one does many, with kills.
"""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.store.faults import RECIPE, Sweep
from tests.thorough import count

ROUNDS = count(1, 20)
VERB = """
import sys, time
from pathlib import Path
import layover.plan
from layover.cli.main import main
until, pause, *arguments = sys.argv[1:]
build = layover.plan.build
def slowly(*given, **named):
    plan = build(*given, **named)
    time.sleep(float(pause))
    return plan
layover.plan.build = slowly
while True:
    sys.argv = ["layover", *arguments]
    try:
        main()
    except SystemExit as end:
        print("exit code", end.code or 0, flush=True)
    if until == "once" or Path(until).exists():
        break
"""
"""A verb, once or until a file is there; its planning takes longer by a pause."""


@pytest.fixture
def narrow(sweep: Sweep) -> Path:
    """A recipe that reaches few of the nodes of the sweep."""
    text = re.sub(r"\n  exclude: .*", "", RECIPE.format(root=sweep.root))
    for axis, few in (("[mini, one, two]", "[mini]"), ("[stack, fuse]", "[stack]"), ("[moods, tags]", "[tags]")):
        text = text.replace(f": {axis}", f": {few}")
    (sweep.root / "narrow.yaml").write_text(text, encoding="utf-8")
    return sweep.root / "narrow.yaml"


class Others:
    """Processes on the store of a sweep, with what they say."""

    def __init__(self, sweep: Sweep, folder: Path) -> None:
        self.sweep, self.folder, self.stop = sweep, folder, folder / "stop"
        self.started: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, pause: float, *arguments: str, forever: bool = False) -> None:
        until = str(self.stop) if forever else "once"
        command = [sys.executable, "-c", VERB, until, str(pause), *arguments, "--store", str(self.sweep.store)]
        with (self.folder / name).open("ab") as stream:
            self.started[name] = subprocess.Popen(
                command, stdout=stream, stderr=subprocess.STDOUT, cwd=self.folder, start_new_session=True
            )

    def said(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8", errors="replace")

    def kill(self, name: str) -> None:
        self.started[name].send_signal(signal.SIGKILL)
        self.started.pop(name).wait()

    def end(self) -> None:
        self.stop.touch()
        for process in self.started.values():
            process.wait(timeout=600)


@contextmanager
def others(sweep: Sweep, folder: Path) -> Iterator[Others]:
    started = Others(sweep, folder)
    try:
        yield started
        started.end()
    finally:
        for process in started.started.values():
            process.kill()


def test_no_record_is_lost_or_changed(
    sweep: Sweep, clean: dict[str, str], narrow: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts: Counter[str] = Counter()
    for seed in range(ROUNDS):
        drawn = random.Random(seed)  # noqa: S311
        folder = tmp_path / str(seed)
        folder.mkdir()
        sweep.put(drawn.choice(["unscored", "untrained", "stopped"]))
        recipe = str(sweep.recipe)
        with others(sweep, folder) as beside:
            beside.start("gc", 0.5, "gc", str(narrow), "--yes", forever=True)
            while not beside.said("gc"):
                time.sleep(0.1)
            if ROUNDS > 1:
                beside.start("killed", 0.0, "run", recipe)
                while not any(sweep.store.glob("locks/run.*")):
                    time.sleep(0.02)
                beside.start("gc of all", drawn.uniform(0, 1), "gc", recipe, str(narrow), "--yes", forever=True)
                beside.start("report", 0.1, "report", recipe, "--out", str(folder / "out"), forever=True)
            beside.start("run", drawn.uniform(0, 1), "run", recipe)
            if ROUNDS > 1:
                time.sleep(drawn.uniform(0, 10))
                beside.kill("killed")
            code, said = sweep.run()
            assert code == 0, said
            assert "5 of 5 cells finished" in said, said
            beside.started["run"].wait(timeout=600)
            assert "5 of 5 cells finished" in beside.said("run"), beside.said("run")
        for name in sorted(file.name for file in folder.iterdir() if file.is_file() and file.name != "stop"):
            text = beside.said(name)
            assert "Traceback" not in text, text
            counts[f"{name}: waits with a line"] += text.count("layover: waits for")
            if name != "killed":
                codes = [line for line in text.splitlines() if line.startswith("exit code")]
                assert codes
                assert set(codes) == {"exit code 0"}, text
                counts[f"{name}: verbs"] += len(codes)
        assert sweep.run()[0] == 0, "gc of the narrow recipe has removed the rest"
        assert sweep.report() == clean
        assert sweep.layover("gc", recipe, "--yes")[0] == 0
        assert sorted(file.name for file in (sweep.store / "locks").iterdir()) == []
        assert list((sweep.store / "work").iterdir()) == []
        counts["rounds"] += 1
    if ROUNDS > 1:
        with capsys.disabled():
            sys.stdout.write(f"{dict(counts)}\n")
    assert counts["gc: waits with a line"], "gc never met a run"
