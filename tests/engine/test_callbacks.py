"""Callbacks receive the events of a running sweep in order; they cannot stop it or change its results."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.engine.conftest import Folder

import layover
from layover import LayoverError
from layover.errors import StoppedError
from layover.tracking import (
    DevelopmentScores,
    Event,
    NodeBlocked,
    NodeFinished,
    NodeStarted,
    Note,
    SweepEnded,
    SweepStarted,
    TrainingProgress,
)

ONE = ("sweep.method=[lora]", "sweep.intermediate=[none]", "sweep.seed=[1]")


def run(folder: Folder, *overrides: str, callbacks: Any = ()) -> SweepEnded:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder.root)
        return layover.run("recipe.yaml", overrides, callbacks=callbacks)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> tuple[Folder, list[Event], SweepEnded]:
    """A folder whose sweep ran with a callback that keeps every event."""
    folder, events = Folder(tmp_path_factory.mktemp("told") / "work", encoder), list[Event]()
    return folder, events, run(folder, callbacks=[events.append])


def test_a_run_from_python_has_the_results_of_the_command_line(
    told: tuple[Folder, list[Event], SweepEnded], finished: Folder
) -> None:
    folder, _, ended = told
    assert (ended.name, ended.cells, ended.finished, ended.failed, ended.stopped) == ("tiny", 6, 6, (), False)
    assert folder.records() == finished.records()
    assert folder.weights() == finished.weights()


def test_events_come_in_order(told: tuple[Folder, list[Event], SweepEnded]) -> None:
    folder, events, ended = told
    assert isinstance(events[0], SweepStarted)
    assert events[0] == SweepStarted("tiny", len(folder.records()) + events[0].nodes - 6, 6, 2)
    assert events[-1] is ended
    assert any(isinstance(event, Note) for event in events)
    of_node = [event for event in events if not isinstance(event, (SweepStarted, SweepEnded, Note))]
    for _, own in groupby(sorted(of_node, key=lambda event: event.key), key=lambda event: event.key):
        kinds = [type(event) for event in own]
        assert (kinds[0], kinds[-1]) == (NodeStarted, NodeFinished)
    started = {event.key: event for event in events if isinstance(event, NodeStarted)}
    assert len(started) == events[0].nodes
    for event in started.values():
        named = f"{event.label} {event.key[:12]}" if event.kind == "train" else None
        assert (event.training, event.resumes) == (named, False)


def test_a_training_tells_what_its_record_says(told: tuple[Folder, list[Event], SweepEnded]) -> None:
    folder, events, _ = told
    files = {path.parent.name: path for path in folder.root.glob("store/nodes/*/*/training.json")}
    assert files
    for key, path in files.items():
        record = json.loads(path.read_text(encoding="utf-8"))
        scores = [event for event in events if isinstance(event, DevelopmentScores) and event.key == key]
        assert [(one.step, one.epoch, one.loss, dict(one.metrics)) for one in scores] == [
            (one["step"], one["epoch"], one["loss"], one["metrics"]) for one in record["history"]
        ]
        progress = [event for event in events if isinstance(event, TrainingProgress) and event.key == key]
        assert progress
        assert all(before.step < after.step for before, after in pairwise(progress))
        for event in progress:
            assert (event.steps, event.loss_step) == (record["planned_steps"], event.step)
            assert event.loss is not None
            assert event.gradient_norm is not None
            assert event.gradient_norm > 0
            assert 0 <= event.lr <= 3e-3


def test_an_event_cannot_be_changed(told: tuple[Folder, list[Event], SweepEnded]) -> None:
    event = next(event for event in told[1] if isinstance(event, DevelopmentScores))
    with pytest.raises(AttributeError):
        event.step = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        event.metrics["accuracy"] = 1.0  # type: ignore[index]


def breaks(event: Event) -> None:
    if type(event) is NodeStarted:
        raise RuntimeError("no\nluck \x1b[2J")


class Leaves:
    """Ends the program at its first event, if it can."""

    calls = 0

    def __call__(self, _event: Event) -> None:
        self.calls += 1
        sys.exit(3)


def test_a_callback_that_raises_is_told_once_and_stops_nothing(
    folder: Folder, finished: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    events, leaves = list[Event](), Leaves()
    with caplog.at_level(logging.WARNING, "layover"):
        ended = run(folder, *ONE, callbacks=[breaks, leaves, events.append])
    assert (ended.cells, ended.finished) == (1, 1)
    rest = "it gets no more events, and the sweep continues"
    assert [record.message for record in caplog.records] == [
        f"the callback Leaves failed at SweepStarted (SystemExit: 3); {rest}",
        f"the callback breaks failed at NodeStarted (RuntimeError: no luck \\x1b[2J); {rest}",
    ]
    assert leaves.calls == 1
    assert events[-1] is ended
    records = folder.records()
    assert records == {key: finished.records()[key] for key in records}


def test_a_failed_node_and_what_needs_it(folder: Folder) -> None:
    broken = folder.root / "broken"
    shutil.copytree(folder.root / "encoder", broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    events = list[Event]()
    ended = run(folder, *ONE, "models.broken={name: broken}", "sweep.model=[broken]", callbacks=[events.append])
    (failed,) = ended.failed
    assert failed.label.startswith("train moods broken/lora")
    assert "model.safetensors" in failed.error
    assert failed in events
    blocked = [event for event in events if isinstance(event, NodeBlocked)]
    assert blocked
    assert set(ended.blocked) == set(blocked)
    assert {event.cause for event in blocked} == {failed.key}
    assert (ended.cells, ended.finished, ended.stopped) == (1, 0, False)


def test_a_mistake_is_an_error_before_anything_starts(folder: Folder) -> None:
    events = list[Event]()
    with pytest.raises(LayoverError, match=r"sweep.method\[0\]"):
        run(folder, "sweep.method=[lorra]", callbacks=[events.append])
    assert events == []
    assert not (folder.root / "store").exists()


SCRIPT = """\
import signal, sys
import layover
from layover.tracking import SweepEnded, TrainingProgress

print("imported", flush=True)

def stop(event):
    if isinstance(event, TrainingProgress) and event.step > 20 and len(sys.argv) > 1:
        signal.raise_signal(signal.SIGINT)
    if isinstance(event, SweepEnded):
        print("ended", event.finished, event.stopped, flush=True)

before = signal.getsignal(signal.SIGINT)
try:
    layover.run("recipe.yaml", ["train.epochs=40", *OVERRIDES], callbacks=[stop])
except layover.LayoverError as error:
    print(type(error).__name__, error, flush=True)
assert signal.getsignal(signal.SIGINT) is before
assert "torch" not in sys.modules
"""


def test_a_script_is_not_imported_by_workers_and_ctrl_c_keeps_what_is_finished(folder: Folder) -> None:
    script = folder.root / "script.py"
    script.write_text(SCRIPT.replace("*OVERRIDES", ", ".join(map(repr, ONE))), encoding="utf-8")

    def said(*arguments: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, str(script), *arguments],
            cwd=folder.root,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    kept = "StoppedError stopped; finished nodes are kept; the same command resumes the run"
    assert said("stop") == ["imported", "ended 0 True", kept]
    assert list(folder.root.glob("store/work/*/step-*"))
    assert said() == ["imported", "ended 1 False"]


def test_a_stop_is_an_error_of_layover() -> None:
    assert issubclass(StoppedError, LayoverError)


def test_the_command_line_sends_the_same_values(folder: Folder) -> None:
    lines = [json.loads(line) for line in folder.run("run", "recipe.yaml", *ONE, "--json").splitlines()]
    progress: list[Mapping[str, Any]] = [line for line in lines if line["event"] == "progress" and "lr" in line]
    assert {"step", "steps", "epoch", "loss", "loss_step", "lr", "gradient_norm"} <= set(progress[0])
    scores = [line for line in lines if line["event"] == "evaluation"]
    assert [line["step"] for line in scores] == [8, 16]
    assert all(set(line["metrics"]) >= {"accuracy"} for line in scores)
