"""Progress: what a person, a log and a machine are shown."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from layover import specs
from layover.cli.console import amount, duration, room, size, table
from layover.cli.progress import JsonProgress, LiveProgress, PlainProgress
from layover.estimates.cost import Estimate
from layover.estimates.remaining import Remaining
from layover.plan import Plan

KEYS = {"a": ("train", "train xnli"), "b": ("predict", "predict xnli sw"), "c": ("score", "score xnli")}
NODES: Any = {
    key: SimpleNamespace(
        kind=kind, label=label, needs=(), job=key, key=key, spec=SimpleNamespace(resumable=specs.get(kind).resumable)
    )
    for key, (kind, label) in KEYS.items()
}
UNREAD: Any = None
PLAN: Any = Plan(recipe=UNREAD, nodes=NODES, cells=(), notes=())
COSTS = {"a": Estimate(flops=75.0), "b": Estimate(flops=25.0), "c": Estimate()}


def remaining(keys: str = "abc", clock: Callable[[], float] = time.monotonic) -> Remaining:
    return Remaining(PLAN, keys, 1, lambda _: COSTS, clock=clock)


EVENTS = [
    {"event": "start", "key": "a", "pid": 1},
    {"event": "progress", "key": "a", "done": 5, "total": 10, "unit": "steps", "loss": 0.5},
    {"event": "end", "key": "a", "state": "done", "seconds": 2.0},
    {"event": "end", "key": "b", "state": "failed", "error": "it broke"},
    {"event": "end", "key": "c", "state": "blocked", "cause": "b"},
]


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    progress = JsonProgress(PLAN)
    for event in EVENTS:
        progress.event(event)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["label"] for line in lines] == ["train xnli"] * 3 + ["predict xnli sw", "score xnli"]
    assert lines[1]["loss"] == 0.5


def test_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress(PLAN, "abc", remaining())
    for event in EVENTS:
        progress.event(event)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("[1/3, 0.7 s left]"), "25 of 75 units of work in a third of two seconds"
    assert lines[0].endswith("train xnli in 2.0 s")
    assert "FAILED predict xnli sw: it broke" in lines[1]
    assert lines[2].startswith("[3/3, 0.0 s left]")
    assert "it needs a failed node: score xnli" in lines[2]


def test_what_nothing_tells_is_said_to_be_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress(PLAN, "abc", remaining())
    progress.event({"event": "end", "key": "c", "state": "done", "seconds": 0.1})
    assert capsys.readouterr().out.startswith("[1/3, time unknown] score xnli")


def test_bars() -> None:
    now = [0.0]
    progress = LiveProgress(PLAN, "abc", remaining(clock=lambda: now[0]))
    (sweep,) = progress.bars._progress.tasks
    assert (sweep.total, sweep.fields["left"]) == (None, "time unknown")
    progress.event(EVENTS[0])
    now[0] = 6.0
    progress.event(EVENTS[1])
    bar = next(task for task in progress.bars._progress.tasks if task.description == "train xnli")
    assert (bar.completed, bar.total) == (5, 10)
    assert bar.fields["speed"].startswith("5/10 steps, ")
    assert bar.fields["speed"].endswith("/s, loss 0.5000")
    # half of 75 units in six seconds: the other half takes as long, and the 25 of the prediction four
    assert (sweep.fields["left"], sweep.fields["speed"]) == ("10 s left", "0/3 nodes")
    assert sweep.completed == pytest.approx(1000 * 6 / 16), "the share of the work, not of the nodes"
    now[0] = 12.0
    for event in EVENTS[2:]:
        progress.event(event)
    assert [task.description for task in progress.bars._progress.tasks] == ["sweep"]
    assert (sweep.completed, sweep.total, sweep.fields["speed"]) == (1000, 1000, "3/3 nodes")


@pytest.mark.parametrize("display", [PlainProgress, LiveProgress])
def test_nodes_that_are_decided_on_later_count_with_the_first(display: type[PlainProgress | LiveProgress]) -> None:
    progress = display(PLAN, "ab", remaining("ab"))
    progress.event(EVENTS[2])
    progress.go_on(PLAN, "bc")
    assert progress.position().startswith("[1/3, ")
    progress.event(EVENTS[3])
    progress.event(EVENTS[4])
    assert (progress.ended, progress.total, progress.remaining.share()) == (3, 3, 1.0)


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
        (lambda: "\n".join(table(["a", "b"], [["x", "1"], ["yy", "10"]])), "a    b\n--  --\nx    1\nyy  10"),
    ],
)
def test_numbers_for_people(call, expected: str) -> None:  # type: ignore[no-untyped-def]
    assert call() == expected


@pytest.mark.parametrize("display", [PlainProgress, LiveProgress])
@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            {"event": "waiting", "key": "a", "for": "`layover run` (host b, pid 7)"},
            "waits for train xnli: `layover run` (host b, pid 7) computes it; Ctrl-C stops this run",
        ),
        ({"event": "told", "key": "a", "text": "layover: the hub asks to wait"}, "train xnli: the hub asks to wait"),
    ],
    ids=["another run", "the hub"],
)
def test_what_a_node_waits_for_is_a_line(
    display: type[PlainProgress | LiveProgress], event: dict[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    display(PLAN, "abc", remaining()).event(event)
    assert said in " ".join(capsys.readouterr().out.split()), "a console keeps the width that it began with"
