"""Progress: what a person, a log and a machine are shown."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from layover.cli.console import amount, duration, room, size, table
from layover.cli.progress import JsonProgress, LiveProgress, PlainProgress

KEYS = {"a": ("train", "train xnli"), "b": ("predict", "predict xnli sw"), "c": ("score", "score xnli")}
PLAN = SimpleNamespace(nodes={key: SimpleNamespace(kind=kind, label=label) for key, (kind, label) in KEYS.items()})

WEIGHTS = {"a": 75.0, "b": 25.0, "c": 0.0}

EVENTS = [
    {"event": "start", "key": "a", "pid": 1},
    {"event": "progress", "key": "a", "done": 5, "total": 10, "unit": "steps", "loss": 0.5},
    {"event": "end", "key": "a", "state": "done", "seconds": 2.0},
    {"event": "end", "key": "b", "state": "failed", "error": "it broke"},
    {"event": "end", "key": "c", "state": "blocked", "cause": "b"},
]


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    progress = JsonProgress(PLAN)  # type: ignore[arg-type]
    for event in EVENTS:
        progress.event(event)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["label"] for line in lines] == ["train xnli"] * 3 + ["predict xnli sw", "score xnli"]
    assert lines[1]["loss"] == 0.5


def test_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress(PLAN, WEIGHTS)  # type: ignore[arg-type]
    for event in EVENTS:
        progress.event(event)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("[1/3, ")
    assert lines[0].endswith("train xnli in 2.0 s")
    assert "FAILED predict xnli sw: it broke" in lines[1]
    assert "it needs a failed node: score xnli" in lines[2]


def test_bars() -> None:
    progress = LiveProgress(PLAN, WEIGHTS)  # type: ignore[arg-type]
    for event in EVENTS[:2]:
        progress.event(event)
    bar = next(task for task in progress.bars.tasks if task.description == "train xnli")
    assert (bar.completed, bar.total) == (5, 10)
    assert bar.fields["speed"].endswith("steps/s, loss 0.5000")
    for event in EVENTS[2:]:
        progress.event(event)
    assert [task.description for task in progress.bars.tasks] == ["sweep"]
    assert progress.bars.tasks[0].completed == 3


@pytest.mark.parametrize("display", [PlainProgress, LiveProgress])
def test_nodes_that_are_decided_on_later_count_with_the_first(display: type[PlainProgress | LiveProgress]) -> None:
    progress = display(PLAN, {"a": 0.0, "b": 1.0})  # type: ignore[arg-type]
    progress.event(EVENTS[2])
    progress.go_on(PLAN, {"b": 1.0, "c": 3.0})  # type: ignore[arg-type]
    assert progress.position().startswith("[1/3, ")
    progress.event(EVENTS[3])
    progress.event(EVENTS[4])
    assert (progress.ended, progress.total, progress.done) == (3, 3, 4.0)
    if isinstance(progress, LiveProgress):
        assert progress.bars.tasks[0].total == 3


def test_the_time_left_follows_the_work_not_the_number_of_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([100.0, 160.0, 190.0])
    monkeypatch.setattr("layover.cli.progress.time.monotonic", lambda: next(now))
    nodes = {key: SimpleNamespace(kind="train", label=key) for key in "abcd"}
    weights = {"a": 1.0, "b": 59.0, "c": 30.0, "d": 10.0}
    progress = PlainProgress(SimpleNamespace(nodes=nodes), weights)  # type: ignore[arg-type]
    said = [progress.ending({"key": key, "state": "done", "seconds": 1.0}) for key in ("a", "b", "c")]
    assert said[0].startswith("[1/4, ? left] a")  # 1 % of the work tells nothing
    assert said[1].startswith("[2/4, 40 s left] b")  # 60 % in 60 s
    assert said[2].startswith("[3/4, 10 s left] c")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: size(1.13e9), "1.1 GB"),
        (lambda: size(None), "?"),
        (lambda: size(5), "5 B"),
        (lambda: room(0), "0 B"),
        (lambda: room(10 * 2**30), "10 GiB"),
        (lambda: room(3.14 * 2**20), "3.14 MiB"),
        (lambda: duration(3.21), "3.2 s"),
        (lambda: duration(340), "5 min 40 s"),
        (lambda: duration(599.4), "9 min 59 s"),
        (lambda: duration(599.6), "10 min"),
        (lambda: duration(3900), "1 h 05 min"),
        (lambda: duration(None), "?"),
        (lambda: amount(1_104_934), "1.1 M"),
        (lambda: amount(None), "?"),
        (lambda: table(["a", "b"], [["x", "1"], ["yy", "10"]]), "a    b\n--  --\nx    1\nyy  10"),
    ],
)
def test_numbers_for_people(call, expected: str) -> None:  # type: ignore[no-untyped-def]
    assert call() == expected
