"""Searches through the real command line: kills and parallel processes change no choice, and test data stay unread."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.engine import kills
from tests.engine.conftest import RECIPE, Folder, rows
from tests.engine.kills import Tally
from tests.thorough import count

TUNED = (
    RECIPE.replace("lora: {module: lora, lr: 3e-3, rank: 2}", "lora: {module: lora, lr: {search: RATES}, rank: 2}")
    .replace("stack: {module: lora, compose: stack, lr: 3e-3, rank: 2}", "full: {module: full, lr: {search: RATES}}")
    .replace("RATES", "[1e-5, 1e-3, 3e-3, 1e-2]")
    .replace("method: [lora, stack]", "method: [lora, full]")
    .replace("exclude: [{method: stack, intermediate: none}]", "exclude: []")
    .replace("validation: moods.jsonl", "validation: dev.jsonl")
    .replace("epochs: 2", "epochs: 4")
    + "tune: {sampler: halving, budget: 4}\n"
)
COUNT = count(3, 100)


def make(root: Path, encoder: Path) -> Folder:
    """Make a working folder with a recipe whose learning rates are searched."""
    folder = Folder(root, encoder)
    rows(folder.root / "data" / "dev.jsonl", ["cow", "horse", "sheep", "goat"] * 2)
    (folder.root / "recipe.yaml").write_text(TUNED, encoding="utf-8")
    return folder


@pytest.fixture
def tuned(tmp_path: Path, encoder: Path) -> Folder:
    """A fresh working folder."""
    return make(tmp_path / "work", encoder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> Folder:
    """A working folder whose sweep ran in one process without interruption; tests only read it."""
    folder = make(tmp_path_factory.mktemp("tuned") / "work", encoder)
    said = folder.run("run", "recipe.yaml", "run.workers=1")
    assert "8 of 8 cells finished" in said
    assert "lora: tiny after 25% of the steps: chosen by development score" in said
    return folder


def choices(folder: Folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder.root / "store" / "choices").glob("*.json")}


def same(one: Folder, other: Folder) -> None:
    assert len(choices(one)) == 6  # three rounds of two methods
    assert choices(one) == choices(other)
    assert one.records()
    assert one.records() == other.records()
    assert one.weights() == other.weights()


def test_parallel_processes_choose_as_a_single_one(whole: Folder, tuned: Folder) -> None:
    said = tuned.run("run", "recipe.yaml", "run.workers=2", "--json")
    same(whole, tuned)
    events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert not [event for event in events if event["event"] == "start" and event["resumes"]]
    first = {event["key"]: event for event in reversed(events) if event["event"] == "progress" and "step" in event}
    parts = {(event["step"] - event["done"] // 8, event["total"] // 8) for event in first.values()}
    assert parts == {(0, 8), (8, 8), (16, 16), (0, 32)}, "copied steps and own steps of rounds and cells"
    for left in ("work", "begun"):
        assert not list((tuned.root / "store").glob(f"{left}/*")), "no checkpoint of a trial is left"


@pytest.mark.slow
def test_a_search_that_is_killed_chooses_the_same(whole: Folder, tuned: Folder) -> None:
    tally = Tally()
    for seed in range(4 * COUNT):
        if sum(tally.kills.values()) >= COUNT:
            break
        kills.life(tuned, random.Random(seed), COUNT, tally)  # noqa: S311
    tuned.run("run", "recipe.yaml")
    assert not tally.wrong, "\n".join(tally.wrong)
    assert sum(tally.kills.values()) >= COUNT
    same(whole, tuned)


def test_a_trial_resumes_the_checkpoint_of_the_round_before(whole: Folder) -> None:
    resumed = []
    for file in (whole.root / "store").glob("nodes/*/*/measured.json"):
        measured = json.loads(file.read_text(encoding="utf-8"))
        done = json.loads((file.parent / "done.json").read_text(encoding="utf-8"))
        if "resumed_at" in measured and done["identity"].get("until") == 0.5:
            resumed.append(measured["resumed_at"])
    assert resumed == [8] * 4, "two trials of two methods begin after a quarter of 32 steps"


WATCH = """\
import os, sys

def watch(event, arguments):
    if event == "open" and str(arguments[0]).endswith((".jsonl", "choices")):
        with open(os.environ["WATCHED"], "a", encoding="utf-8") as log:
            log.write(f"{os.getpid()} {os.path.basename(str(arguments[0]))}\\n")
    if event == "os.rename" and "choices" in str(arguments[1]):
        with open(os.environ["WATCHED"], "a", encoding="utf-8") as log:
            log.write(f"{os.getpid()} chosen\\n")

sys.addaudithook(watch)
"""


def test_no_worker_opens_test_data_before_everything_is_chosen(tuned: Folder) -> None:
    """The plan checks all files before the first node; after that only workers read data."""
    folder = tuned
    watched, hook = folder.root / "watched.txt", folder.root / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
    paths = os.pathsep.join([str(hook), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [sys.executable, "-m", "layover", "run", "recipe.yaml"],
        cwd=folder.root,
        env={**os.environ, "PYTHONPATH": paths, "WATCHED": str(watched)},
        stdout=subprocess.DEVNULL,
    )
    assert process.wait(timeout=300) == 0
    events: list[tuple[int, Any]] = [
        (int(pid), name) for pid, name in (line.split() for line in watched.read_text().splitlines())
    ]
    last = max(place for place, (_, name) in enumerate(events) if name == "chosen")
    assert [name for _, name in events].count("chosen") == 6
    data = {file.name for file in (folder.root / "data").iterdir()}
    by_workers = [(place, name) for place, (pid, name) in enumerate(events) if pid != process.pid and name in data]
    read = {name for place, name in by_workers if place < last}
    assert read == {"moods.jsonl", "dev.jsonl"}
    assert "german.jsonl" in {name for place, name in by_workers if place > last}


def test_the_report_tells_the_search(whole: Folder, tmp_path: Path) -> None:
    whole.run("report", "recipe.yaml", "--out", str(tmp_path))
    page = (tmp_path / "report.md").read_text(encoding="utf-8")
    section = page.split("<summary>Tuning</summary>")[1].split("</details>")[0]
    assert "Each method had 4 trials (halving, seed 0), with training seed 101." in section
    assert "lr: 1e-05, 0.001, 0.003, 0.01" in section
    assert "![Trials of the searches](tuning.png)" in page
    picture = (tmp_path / "tuning.svg").read_text(encoding="utf-8")
    assert picture.count("(chosen)") == 2, "each of two methods has a panel"
    assert 'aria-label="Trials of the searches"' in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert {"tuning.pdf", "tuning.png"} <= {path.name for path in tmp_path.iterdir()}
    lines = (tmp_path / "tuning.csv").read_text(encoding="utf-8").splitlines()
    # evaluations: 4 trials of 1, 2 of 2 and one of 4, for two methods
    assert len(lines) == 1 + 2 * (4 * 1 + 2 * 2 + 1 * 4)
    chosen = json.loads(whole.run("plan", "recipe.yaml", "--json"))["pending"]["rounds"]
    last = {choice["label"]: choice["chosen"] for choice in chosen}
    for method in ("lora", "full"):
        (value,) = last[f"{method}: tiny"]
        assert f"| {method} | tiny | lr: 1e-05, 0.001, 0.003, 0.01 | {value} |" in section


def test_the_plan_tells_what_waits_and_then_nothing(tuned: Folder, whole: Folder) -> None:
    before = json.loads(tuned.run("plan", "recipe.yaml", "--json"))
    assert len(before["pending"]["cells"]) == 8
    assert before["pending"]["at_most"]["nodes"] > 0
    assert before["pending"]["at_most"]["flops"] > 0
    after = json.loads(whole.run("plan", "recipe.yaml", "--json"))
    assert (after["to_run"], after["pending"]["cells"], after["cells_finished"]) == (0, [], 8)
    assert after["pending"]["at_most"]["nodes"] == 0
