"""`layover watch` follows a sweep that another process runs, and only reads the store."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.engine.conftest import Folder, said_by

from layover.cli import watching
from layover.cli.bars import Bars
from layover.cli.shared import planned
from layover.cli.state import RunningNode, SweepState, state_of

LONG = ("train.epochs=30", "run.checkpoint_seconds=0.2")


def running(folder: Folder, *arguments: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """Start a run; return it when a training has made some steps."""
    process = folder.start("run", "recipe.yaml", *arguments, "--json")
    assert process.stdout is not None
    event = next(
        event for event in map(json.loads, process.stdout) if event["event"] == "progress" and event.get("step", 0) > 40
    )
    return process, event


def files(folder: Folder) -> set[str]:
    return {str(path.relative_to(folder.root)) for path in folder.root.glob("store/**/*")}


def test_it_follows_a_run_of_another_process_to_its_end(folder: Folder) -> None:
    process, event = running(folder, *LONG)
    watch = folder.start("watch", "recipe.yaml", *LONG, "--json", "--every", "0.2")
    assert said_by(process, 300)
    assert process.returncode == 0
    states = [json.loads(line) for line in said_by(watch, 60).splitlines()]
    assert watch.returncode == 0
    first, last = states[0], states[-1]
    assert first["sweeps_running"] == 1
    assert event["label"] in {node["label"] for state in states for node in state["running"]}
    seen = [node for state in states for node in state["running"] if node["step"]]
    assert seen, "the checkpoints show how far a training is"
    assert all(0 < node["step"] <= node["steps"] == 240 for node in seen)
    done = [state["nodes"]["finished"] for state in states]
    assert done == sorted(done)
    assert done[0] < done[-1] == first["nodes"]["all"]
    known = [state["seconds_left"] for state in states if state["seconds_left"] is not None]
    assert known[-1] == 0.0
    assert max(known) > 0.0
    assert (last["cells"], last["running"], last["failed"]) == ({"moods": [6, 6]}, [], {})


def test_it_ends_by_ctrl_c_and_the_run_goes_on(folder: Folder) -> None:
    one = ("sweep.method=[lora]", "sweep.intermediate=[none]", "sweep.seed=[1]", "train.epochs=100")
    process, _ = running(folder, *one)
    watch = folder.start("watch", "recipe.yaml", *one, "--every", "0.1")
    assert watch.stdout is not None
    line = watch.stdout.readline()
    assert line.startswith("0 of 1 cells, ")
    assert "1 sweep runs on this store, 1 running" in line
    os.killpg(watch.pid, signal.SIGINT)
    said = said_by(watch, 60)
    assert watch.returncode == 130
    assert "layover: stopped" in said
    assert "Traceback" not in said
    assert said_by(process, 300)
    assert process.returncode == 0


def test_a_run_that_is_killed_is_the_end_with_code_1(folder: Folder) -> None:
    process, _ = running(folder, *LONG)
    watch = folder.start("watch", "recipe.yaml", *LONG, "--every", "0.1")
    assert watch.stdout is not None
    watch.stdout.readline()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    said = said_by(watch, 60)
    assert watch.returncode == 1, said
    assert "no sweep runs on this store" in said.splitlines()[-1] + said


def test_once_shows_the_state_and_ends(finished: Folder) -> None:
    before = files(finished)
    said = finished.run("watch", "recipe.yaml", "--once")
    nodes = len(list(finished.root.glob("store/nodes/*/*")))
    assert said == f"6 of 6 cells, {nodes} of {nodes} nodes finished; no sweep runs on this store\n"
    values = json.loads(finished.run("watch", "recipe.yaml", "--once", "--json"))
    assert (values["cells"], values["seconds_left"]) == ({"moods": [6, 6]}, 0.0)
    assert files(finished) == before


def test_a_finished_sweep_is_over_at_once(finished: Folder) -> None:
    assert finished.run("watch", "recipe.yaml").startswith("6 of 6 cells")


def test_without_a_store_it_says_so_and_makes_none(folder: Folder) -> None:
    said = folder.run("watch", "recipe.yaml", code=1)
    assert "there is no store at " in said
    assert "0 of 6 cells" in said
    assert not (folder.root / "store").exists()
    folder.run("watch", "recipe.yaml", "--once")


@pytest.mark.parametrize("every", ["0", "-1", "nan", "often"])
def test_a_mistake_is_one_error(folder: Folder, every: str) -> None:
    said = folder.run("watch", "recipe.yaml", "--every", every, code=2)
    assert "--every" in said


def test_it_is_not_kept_by_a_reader_that_left(folder: Folder) -> None:
    process, _ = running(folder, *LONG)
    reading, writing = os.pipe()
    os.close(reading)
    watch = subprocess.run(
        [sys.executable, "-m", "layover", "watch", "recipe.yaml", *LONG, "--every", "0.1"],
        cwd=folder.root,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(writing)
    assert watch.returncode == 130, watch.stderr
    os.killpg(process.pid, signal.SIGINT)
    said_by(process, 60)


def state(folder: Folder, *nodes: RunningNode, **failures: str) -> SweepState:
    with contextlib.chdir(folder.root):
        found = state_of(planned(Path("recipe.yaml"), [], Path("store")), shared=True)
    notes = {key: {"node": "train a", "error": error} for key, error in failures.items()}
    return SweepState(found.plan, {"moods": (1, 6)}, 3, nodes, notes, (), 90.0)


HOSTILE = "\x1b[2J [red]x[/]"


def test_a_terminal_shows_a_bar_for_each_running_node(folder: Folder) -> None:
    bars, shown = Bars(), io.StringIO()
    bars._progress.live.console = Console(file=shown, force_terminal=True, width=200)
    live = watching._Live(bars)
    node = RunningNode("a", f"train {HOSTILE}", 12.0, 120, 240)
    live.show(state(folder, node, RunningNode("b", "predict", 1.0), c=HOSTILE))
    live.show(state(folder, node, RunningNode("b", "predict", 2.0), c=HOSTILE))
    sweep, first, second = bars._progress.tasks
    assert (sweep.completed, sweep.fields["left"]) == (3, "1 min 30 s left")
    assert (first.completed, first.total, first.fields["speed"]) == (120, 240, "checkpoint of step 120")
    assert second.total is None
    live.show(state(folder))
    assert len(bars._progress.tasks) == 1


def test_what_files_say_is_escaped(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    show = watching._Lines().show
    show(state(folder, RunningNode("a", f"train {HOSTILE}", 12.0, 120, 240), c=HOSTILE))
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert r"  running: train \x1b[2J [red]x[/] (12 s, checkpoint of step 120 of 240)" in said
    assert r"  failed c train a: \x1b[2J [red]x[/]" in said
    show(state(folder, RunningNode("a", f"train {HOSTILE}", 14.0, 130, 240), c=HOSTILE))
    assert capsys.readouterr().out == "", "progress alone is no new line"


def test_the_work_of_running_nodes_counts_as_done(finished: Folder) -> None:
    from tests.plan.test_eta import node

    from layover.estimates.cost import Estimate
    from layover.estimates.eta import seconds_left
    from layover.plan import Plan

    unread: Any = None
    nodes = [node(key, "train") for key in "abcd"]
    plan = Plan(recipe=unread, nodes={one.key: one for one in nodes}, cells=(), notes=())
    costs = dict.fromkeys("abcd", Estimate(flops=1.0))

    def done(key: str) -> dict[str, Any]:
        return {"seconds": 10.0, "needs": ()}

    assert seconds_left(plan, costs, nodes[1:], done) == 30.0
    assert seconds_left(plan, costs, nodes[1:], done, 2, {"b": (4.0, 0.0), "c": (4.0, 0.5)}) == 15.0
    assert seconds_left(plan, costs, nodes[1:], done, 3, {"b": (400.0, 0.0), "c": (4.0, 0.5)}) == 10.0


def test_status_and_watch_say_the_same(finished: Folder) -> None:
    status = json.loads(finished.run("status", "recipe.yaml", "--json"))
    watch = json.loads(finished.run("watch", "recipe.yaml", "--once", "--json"))
    assert {name: status[name] for name in watch} == watch
    assert set(status) - set(watch) == {"damaged", "older"}
