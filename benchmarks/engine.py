"""What the process that runs a sweep costs by itself: microseconds for each message of its workers, and its memory.

    python benchmarks/engine.py [--repeats 7]

Sweeps of a hundred to a hundred thousand nodes, planned as `layover plan` does, on the engine of `layover run`. Only
the workers are pretended: they finish at once, in this process. *rescan* is a schedule that looks at all waiting jobs
after each message (`_rescan.py`), at the sizes where that is bearable; *lines* adds the plain display with its estimate
of the remaining time. CPU seconds of this process; the ways of a size take turns.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from functools import partial
from os import devnull
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import psutil
from _common import arguments, finish, spread, take_turns, tell
from _rescan import Rescan
from scaling import Sweep, write_world

from layover.cli.progress import PlainProgress
from layover.engine import local
from layover.engine.processes import Worker
from layover.estimates.cost import estimate
from layover.estimates.remaining import Remaining
from layover.execution import Execution
from layover.plan import Plan, build
from layover.plan.hub import Revisions
from layover.recipe import load
from layover.store import FileHashes, Store

SWEEPS: dict[str, Sweep] = {
    "100": (1, 1, 2, 1),
    "1,000": (2, 4, 5, 1),
    "10,000": (4, 10, 5, 2),
    "100,000": (4, 10, 10, 11),
}
"""Nodes, about -> the sweep."""
RESCANNED = ("100", "1,000")
"""The sizes at which a rescan is measured."""
WORKERS = 4
MIB = 2**20


class Pipe:
    """The parent's end of a worker that has finished a job as soon as it gets it."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.count = 0

    def send(self, order: Any) -> None:
        """Take a job; its messages lie ready."""
        for node in order.nodes:
            end = {"event": "end", "key": node.key, "state": "done", "seconds": 1.0}
            self.messages += [{"event": "start", "key": node.key, "pid": 0, "resumes": False}, end]
        self.messages.append({"event": "free"})
        self.count += len(self.messages)
        self.messages.reverse()

    def recv(self) -> dict[str, Any]:
        """Return the next message."""
        return self.messages.pop()

    def close(self) -> None:
        """Close it."""


def run(plan: Plan, folder: Path, schedule: Any, report: local.Report) -> dict[str, Any]:
    """Return the microseconds of one message, and how many there were."""
    engine = local.LocalEngine(Store(folder / "store"), Execution(device="cpu"), WORKERS, 1, report)
    pipes: list[Pipe] = []

    def begin() -> Worker:
        pipes.append(Pipe())
        process = SimpleNamespace(exitcode=None, pid=None, join=lambda timeout: None)  # noqa: ARG005
        worker = Worker(process, pipes[-1])  # type: ignore[arg-type]
        engine._workers.append(worker)  # noqa: SLF001
        return worker

    def speaking(connections: list[Pipe], timeout: float) -> list[Pipe]:  # noqa: ARG001
        return [pipe for pipe in connections if pipe.messages]

    with (
        mock.patch.object(engine, "_begin", begin),
        mock.patch.object(local, "wait", speaking),
        mock.patch.object(local, "JobSchedule", schedule),
    ):
        started = time.process_time()
        outcome = engine.run(plan)
        seconds = time.process_time() - started
    if len(outcome.done) != len(plan.nodes):
        raise SystemExit(f"{len(outcome.done)} of {len(plan.nodes)} nodes are finished")
    messages = sum(pipe.count for pipe in pipes)
    return {"microseconds": 1e6 * seconds / messages, "messages": messages}


def displayed(plan: Plan) -> local.Report:
    """Return the plain display of a run."""
    keys = list(plan.nodes)
    remaining = Remaining(plan, keys, WORKERS, lambda plan: estimate(plan, lambda _: None))
    return PlainProgress(plan, keys, remaining).event


def ways_of(plan: Plan, folder: Path, *, rescanned: bool) -> Mapping[str, Callable[[], dict[str, Any]]]:
    """Return the ways to run a plan."""

    def lines() -> dict[str, Any]:
        with Path(devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
            return run(plan, folder, local.JobSchedule, displayed(plan))

    ways = {"counts": partial(run, plan, folder, local.JobSchedule, lambda _: None), "lines": lines}
    return {**ways, "rescan": partial(run, plan, folder, Rescan, lambda _: None)} if rescanned else ways


def measured(size: str, repeats: int) -> dict[str, Any]:
    """Return what a sweep costs; in a process of its own, for its memory."""
    with tempfile.TemporaryDirectory(prefix="layover-bench-") as name:
        before = psutil.Process().memory_info().rss / MIB
        started = time.process_time()
        plan = build(load(write_world(Path(name), SWEEPS[size])), FileHashes(), Revisions())
        planned, seconds = peak_mib(), time.process_time() - started
        runs = take_turns(ways_of(plan, Path(name), rescanned=size in RESCANNED), repeats)
    return {
        "nodes": len(plan.nodes),
        "jobs": len({node.job for node in plan.nodes.values()}),
        "messages": runs["counts"][0]["messages"],
        "plan_seconds": round(seconds, 2),
        "plan_mib": round(planned - before, 1),
        "run_mib": round(peak_mib() - planned, 1),
        "ways": {way: spread([each["microseconds"] for each in rounds], 1) for way, rounds in runs.items()},
    }


def peak_mib() -> float:
    """Return the peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB


def in_a_process(size: str, repeats: int) -> dict[str, Any]:
    """Return what a process of its own measures."""
    tell(f"about {size} nodes")
    command = [sys.executable, __file__, "--child", size, "--repeats", str(repeats)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(json.loads(answer))


def main() -> None:
    """Measure."""
    parser = arguments(__doc__, repeats=7)
    parser.add_argument("--child", choices=list(SWEEPS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(measured(given.child, given.repeats)))
        return
    sizes = list(SWEEPS)
    if given.quick:
        sizes, given.repeats = sizes[:2], 1
    sweeps = {size: in_a_process(size, given.repeats) for size in sizes}
    last, first = (sweeps[size]["ways"]["counts"]["median"] for size in (sizes[-1], sizes[0]))
    ratios = {
        size: round(sweep["ways"]["rescan"]["median"] / sweep["ways"]["counts"]["median"], 1)
        for size, sweep in sweeps.items()
        if "rescan" in sweep["ways"]
    }
    body = {"encoder": "no", "workers": WORKERS, "largest_to_smallest": round(last / first, 2)}
    finish("engine", given, {**body, "rescan_to_counts": ratios, "sweeps": sweeps})


if __name__ == "__main__":
    main()
