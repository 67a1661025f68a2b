"""`run.track`: curves of the trainings, read back by TensorBoard itself; a tracker never stops a sweep."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.engine.conftest import Folder, said_by

from layover import tracking
from layover.tracking import NodeFinished, NodeStarted, SweepEnded, TrainingProgress

ONE = ("sweep.method=[lora]", "sweep.intermediate=[none]", "sweep.seed=[1]")
TRACK = "run.track=tensorboard"
TAGS = {"train/loss", "train/learning_rate", "train/gradient_norm", "development/accuracy"}


@pytest.fixture
def tensorboard() -> Any:
    """TensorBoard's own reader, or a skip."""
    return pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
    )


def curves(tensorboard: Any, folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Return tag -> (step, value) of a run folder, as TensorBoard shows them."""
    events = tensorboard.EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: [(point.step, point.value) for point in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def trainings(folder: Folder) -> dict[str, dict[str, Any]]:
    """Return the first digits of the key -> record of every finished training."""
    files = folder.root.glob("store/nodes/*/*/training.json")
    return {file.parent.name[:12]: json.loads(file.read_text(encoding="utf-8")) for file in files}


def test_every_training_has_its_curves(folder: Folder, finished: Folder, tensorboard: Any) -> None:
    folder.run("run", "recipe.yaml", TRACK)
    assert folder.records() == finished.records(), "a tracker is in no key, and changes no result"
    assert folder.weights() == finished.weights()
    records = trainings(folder)
    runs = {path.name.rpartition("-")[2]: path for path in (folder.root / "tracking" / "tiny").iterdir()}
    assert runs.keys() == records.keys()
    assert all(path.name.startswith("train-") for path in runs.values())
    for key, record in records.items():
        read = curves(tensorboard, runs[key])
        assert read.keys() >= TAGS
        for tag in ("train/loss", "train/learning_rate", "train/gradient_norm"):
            assert all(1 <= step <= record["steps"] and value >= 0 for step, value in read[tag])
            assert all(before[0] < after[0] for before, after in pairwise(read[tag]))
        for metric in record["history"][0]["metrics"]:
            expected = [(seen["step"], pytest.approx(seen["metrics"][metric])) for seen in record["history"]]
            assert read[f"development/{metric}"] == expected


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_a_resumed_training_continues_its_curve(folder: Folder, tensorboard: Any, by: signal.Signals) -> None:
    command = ("run", "recipe.yaml", *ONE, "train.epochs=60", "run.checkpoint_seconds=0.2", TRACK)
    process = folder.start(*command, "--json")
    assert process.stdout is not None
    for event in map(json.loads, process.stdout):
        if event["event"] == "progress" and event.get("step", 0) > 100:
            break
    os.killpg(process.pid, by)
    said_by(process, 60)
    assert not trainings(folder)
    (run,) = (folder.root / "tracking" / "tiny").iterdir()
    if by == signal.SIGINT:
        assert curves(tensorboard, run)["train/loss"], "a stopped run has written everything"
    folder.run(*command)
    ((key, record),) = trainings(folder).items()
    assert [path.name for path in (folder.root / "tracking" / "tiny").iterdir()] == [run.name]
    assert run.name.endswith(key)
    assert len(list(run.iterdir())) == 2, "a file of each process"
    read = curves(tensorboard, run)
    for points in read.values():
        assert all(before[0] < after[0] for before, after in pairwise(points)), "no step is there twice"
    assert max(step for step, _ in read["train/loss"]) > 200
    if by == signal.SIGINT:
        assert min(step for step, _ in read["train/loss"]) < 100
        expected = [(seen["step"], pytest.approx(seen["metrics"]["accuracy"])) for seen in record["history"]]
        assert read["development/accuracy"] == expected, "every evaluation, once"


def test_a_missing_package_is_one_error_before_anything_starts(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, tracking.get("tensorboard").module, None)
    for verb in ("check", "run"):
        said = folder.run(verb, "recipe.yaml", TRACK, code=2)
        assert said == (
            f"layover: command line ({TRACK}): run.track: tensorboard needs the module "
            "tensorboard.summary.writer.event_file_writer, which is not installed; run: "
            "pip install 'layover[tensorboard]'\n"
        )
    assert not (folder.root / "store").exists()
    folder.run("plan", "recipe.yaml", TRACK)
    folder.run("status", "recipe.yaml", TRACK)


def test_a_broken_package_is_told_with_its_reason(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder.root / "broken_package.py").write_text("raise TypeError('too\\nold')", encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder.root))
    monkeypatch.setattr(tracking.get("tensorboard"), "module", "broken_package")
    said = folder.run("check", "recipe.yaml", TRACK, code=2)
    assert "tensorboard: importing broken_package failed (TypeError: too old); install it again: pip install" in said


def test_an_unknown_tracker_is_told_with_its_place(folder: Folder) -> None:
    said = folder.run("check", "recipe.yaml", "run.track=tensorbord", code=2)
    assert "run.track: 'tensorbord' is not a tracker; did you mean 'tensorboard'?" in said
    assert "run.track: '5' is not a tracker" in folder.run("check", "recipe.yaml", "run.track=5", code=2)


def test_a_tracker_that_cannot_write_is_told_once_and_stops_nothing(folder: Folder, tensorboard: Any) -> None:
    (folder.root / "tracking").write_text("a file", encoding="utf-8")
    said = folder.run("run", "recipe.yaml", *ONE, TRACK)
    assert said.count("the tracker tensorboard failed at ") == 1
    assert "it gets no more events, and the sweep continues" in said
    assert "1 of 1 cells finished" in said


def test_a_search_continues_the_curve_of_what_it_stopped(tmp_path: Path, tensorboard: Any) -> None:
    tracker = tracking.get("tensorboard")(tmp_path)
    name = "train moods tiny/lora seed 1 0123456789ab"

    def steps(key: str, numbers: range) -> None:
        of = (key, "train moods", "train")
        tracker(NodeStarted(*of, name, resumes=key != "a"))
        for step in numbers:
            tracker(TrainingProgress(*of, name, step, 20, step / 10, 0.1, step, float(step), 1.0))
        tracker(NodeFinished(*of, 1.0))

    steps("a", range(1, 11))
    steps("b", range(9, 21))
    tracker(SweepEnded("tiny", 1, 1, (), (), (), stopped=False, seconds=1.0))
    (run,) = tmp_path.iterdir()
    assert run.name == "train-moods-tiny-lora-seed-1-0123456789ab"
    assert curves(tensorboard, run)["train/loss"] == [(step, float(step)) for step in range(1, 21)]


def test_the_parent_needs_no_torch() -> None:
    code = """
import sys
from layover import tracking
for name in tracking.names():
    tracking.get(name).problem()
print(sorted({"torch", "tensorflow"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
