"""The whole way, through the real command line: run, kill, resume, share, fail."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import psutil
import pytest
from tests.engine.conftest import said_by
from tests.store.faults import layover

if TYPE_CHECKING:
    from tests.engine.conftest import Folder

pytestmark = pytest.mark.slow

CELLS = 6


def wait_for(process: subprocess.Popen[str], text: str, count: int) -> None:
    """Read the process's lines until `count` of them hold `text`."""
    assert process.stdout is not None
    seen = 0
    lines = []
    for line in process.stdout:
        lines.append(line)
        seen += text in line
        if seen == count:
            return
    pytest.fail("".join(lines))


def stamps(folder: Folder) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.root.glob("store/nodes/*/*/done.json")}


def test_a_sweep_ends_in_a_table(finished: Folder) -> None:
    assert len(finished.records()) == CELLS
    said = finished.run("run", "recipe.yaml")
    assert "0 of" in said
    assert f"{CELLS} of {CELLS} cells finished" in said
    assert "method  intermediate  accuracy" in said
    status = json.loads(finished.run("status", "recipe.yaml", "--json"))
    assert status == {
        "sweeps_running": 0,
        "at_work": [],
        "cells": {"moods": [CELLS, CELLS]},
        "pending": [],
        "nodes": {"finished": len(stamps(finished)), "all": len(stamps(finished))},
        "running": [],
        "seconds_left": 0.0,
        "failed": {},
        "damaged": {},
        "older": {"nodes": 0, "bytes": 0},
    }


def test_the_report_holds_what_the_records_hold(finished: Folder) -> None:
    said = finished.run("report", "recipe.yaml", "--out", "out")
    lines = [
        json.loads(line) for line in (finished.root / "out" / "records.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert len(lines) == CELLS
    for line in lines:
        record = json.loads(finished.records()[line["key"]])
        assert line["record"] == record
        assert (line["split"], line["partial"]) == ("test", {})
        scores = [record["languages"][language]["accuracy"] for language in ("de", "en")]
        assert line["value"] == pytest.approx(sum(scores) / 2)
    scores = (finished.root / "out" / "scores.csv").read_text(encoding="utf-8").splitlines()
    assert len(scores) == 1 + CELLS * 2 * 2, "languages and metrics"
    for name in ("report.md", "report.html"):
        assert f"{CELLS} of {CELLS} cells finished." in (finished.root / "out" / name).read_text(encoding="utf-8")
        assert f"written: out/{name}" in said
    means = [line["record"]["languages"]["de"]["accuracy"] for line in lines if line["method"] == "stack"]
    assert f"stack   claims        {sum(means) / len(means):.1f}" in said.replace("\x1b[1m", "")


def test_the_plan_knows_what_is_there(finished: Folder) -> None:
    plan = json.loads(finished.run("plan", "recipe.yaml", "--json"))
    assert plan["to_run"] == 0
    assert plan["cells_finished"] == CELLS
    assert "memory of the largest node" not in finished.run("plan", "recipe.yaml"), "no node is left"
    assert "memory of the largest node: " in finished.run("plan", "recipe.yaml", "sweep.seed=[1, 2, 3]")
    more = json.loads(finished.run("plan", "recipe.yaml", "sweep.seed=[1, 2, 3]", "--json"))
    assert more["by_kind"] == {"train": 4, "predict": 6, "score": 3}
    assert more["seconds_left"] > 0


def test_why_names_the_cause(finished: Folder) -> None:
    override = "methods.lora.rank=3"
    plan = json.loads(finished.run("plan", "recipe.yaml", override, "--json", "--nodes"))
    node = next(node for node in plan["nodes"] if node["kind"] == "score" and not node["cached"])
    said = finished.run("why", node["key"], "recipe.yaml", override)
    assert "module.rank: 2 there, 3 here" in said
    assert "finished" in finished.run("why", plan["nodes"][0]["key"][:16])


def test_a_killed_sweep_goes_on_to_the_same_result(folder: Folder, finished: Folder) -> None:
    process = folder.start("run", "recipe.yaml")
    wait_for(process, " train ", 2)
    workers = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive, "workers outlive a killed sweep"
    before = stamps(folder)
    assert 0 < len(before) < len(stamps(finished))
    folder.run("run", "recipe.yaml")
    after = stamps(folder)
    assert {key: after[key] for key in before} == before, "finished nodes were done again"
    assert folder.records() == finished.records()
    assert folder.weights() == finished.weights()


def newest_step(folder: Folder) -> int:
    """Return the steps of the newest checkpoint of the only training that has one."""
    (step,) = (int(path.name[5:13]) for path in folder.root.glob("store/work/*/step-*"))
    return step


def test_every_request_to_end_leaves_a_checkpoint_that_is_gone_on_from(folder: Folder) -> None:
    one = ("sweep.method=[lora]", "sweep.intermediate=[none]", "sweep.seed=[1]")
    narrow = ("run", "recipe.yaml", "train.epochs=200", *one)
    folder.stop_in_training(*narrow, after=100, by=signal.SIGTERM, whom="group")
    first = newest_step(folder)
    assert first > 100 / 8
    folder.stop_in_training(*narrow, after=8 * first + 100, by=signal.SIGHUP, whom="parent")
    second = newest_step(folder)
    assert second > first + 100 / 8
    process = folder.start(*narrow, "--json")
    assert process.stdout is not None
    events, pid, asked = [], 0, False
    for event in map(json.loads, process.stdout):
        events.append(event)
        if event["event"] == "start":
            pid = event["pid"]
        elif event["event"] == "progress" and event["done"] > 8 * second + 100 and not asked:
            asked = True
            os.kill(pid, signal.SIGTERM)  # one worker alone: the run goes on
    assert process.wait() == 0, events
    (again,) = (event for event in events if event["event"] == "again")
    assert again["reason"] == "the process of this node was stopped (SIGTERM or SIGHUP)"
    (file,) = folder.root.glob("store/nodes/*/*/measured.json")
    measured = json.loads(file.read_text(encoding="utf-8"))
    assert measured["resumed_at"] > second + 100 / 8
    assert not list(folder.root.glob("store/work/*"))


@pytest.mark.parametrize("where", [">/dev/full", ">&-", ""], ids=["full", "closed", "left"])
def test_a_run_that_nobody_can_read_stops_as_by_ctrl_c(folder: Folder, where: str) -> None:
    full, shut = "standard output cannot be written: No space left on device", "standard output is closed"
    reasons = {">/dev/full": full, ">&-": shut, "": "the reader of standard output has closed it"}
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(  # noqa: S602  the shell closes standard output
        f"exec {sys.executable} -m layover run recipe.yaml {where}",
        shell=True,
        cwd=folder.root,
        text=True,
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 130
    (line,) = done.stderr.splitlines()
    assert line == f"layover: stopped: {reasons[where]}; finished nodes are kept; the same command resumes the run"
    assert not list(folder.root.glob("store/nodes/*"))


def test_two_sweeps_on_one_store_share_the_work(folder: Folder, finished: Folder) -> None:
    first = folder.start("run", "recipe.yaml", "--json")
    second = folder.start("run", "recipe.yaml", "--json")
    said = [said_by(process, 300) for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), said
    events = [json.loads(line) for text in said for line in text.splitlines()]
    started = [event["key"] for event in events if event["event"] == "start"]
    assert len(started) == len(set(started)), "a node was computed twice"
    assert set(started) == set(stamps(finished))
    assert folder.records() == finished.records()


def test_a_failed_node_fails_what_needs_it_and_nothing_else(folder: Folder, finished: Folder) -> None:
    broken = folder.root / "broken"
    shutil.copytree(folder.root / "encoder", broken)
    weights = broken / "model.safetensors"
    good = weights.read_bytes()
    weights.write_bytes(good[: len(good) // 2])
    both = ("recipe.yaml", "models.broken={name: broken}", "sweep.model=[tiny, broken]")
    said = folder.run("run", *both, code=1)
    assert "model.safetensors" in said
    assert f"{CELLS} of {2 * CELLS} cells finished" in said
    assert folder.records() == finished.records()
    status = json.loads(folder.run("status", *both, "--json"))
    assert len(status["failed"]) == 4, "the trainings that need nothing else"
    assert all("model.safetensors" in error and str(folder.root) not in error for error in status["failed"].values())
    shown = folder.run("report", *both)
    assert shown.count("  failed") == 3, "one group each"
    assert shown.count("Failed: broken/") == CELLS
    weights.write_bytes(good)
    assert f"{2 * CELLS} of {2 * CELLS} cells finished" in folder.run("run", *both)


def test_a_file_that_cannot_be_read_is_refused_before_anything_runs(folder: Folder) -> None:
    german = folder.root / "data" / "german.jsonl"
    german.write_text(german.read_text(encoding="utf-8").replace('"no"', '"nein"', 1), encoding="utf-8")
    for verb in ("plan", "run"):
        said = folder.run(verb, "recipe.yaml", code=2)
        assert (
            "tasks.moods: test de cannot be read: data/german.jsonl:2: 'nein' is not a label; one of: no, yes" in said
        )
    assert not (folder.root / "store").exists()


def test_a_language_without_all_gold_has_no_score_and_the_others_have(folder: Folder) -> None:
    german = folder.root / "data" / "german.jsonl"
    german.write_text(german.read_text(encoding="utf-8").replace('"label": "no"', '"label": ""', 1), encoding="utf-8")
    folder.run("run", "recipe.yaml", "sweep.method=[lora]", "sweep.seed=[1]")
    for record in (json.loads(text) for text in folder.records().values()):
        assert record["languages"]["de"] is None
        where = "the first without is german.jsonl:2"
        assert record["missing"] == {"de": f"7 of 8 examples have gold; {where}"}
        german_rows = record["rows"]["scored"]["de"]
        assert (german_rows["read"], german_rows["used"]) == (8, 7)
        assert german_rows["left_out"] == [{"reason": "no gold", "sort": "lost", "count": 1, "first": "german.jsonl:2"}]
        assert record["languages"]["en"]["accuracy"] >= 0
    shown = folder.run("report", "recipe.yaml", "sweep.method=[lora]", "sweep.seed=[1]")
    assert "moods: in some cells only 1 of 2 languages have scores." in " ".join(shown.split())


def test_training_examples_without_gold_are_told(folder: Folder) -> None:
    moods = folder.root / "data" / "moods.jsonl"
    (folder.root / "data" / "gaps.jsonl").write_text(
        moods.read_text(encoding="utf-8").replace('"label": "no"', '"label": ""', 1), encoding="utf-8"
    )
    arguments = ("recipe.yaml", "tasks.moods.files.train=gaps.jsonl", "sweep.method=[lora]", "sweep.seed=[1]")
    told = "moods train und: 1 of 64 rows are not trained on: no gold (first data/gaps.jsonl:2)"
    assert told in folder.run("plan", *arguments), "before anything runs"
    folder.run("run", *arguments)
    after = folder.run("plan", *arguments)
    assert after.count("no gold") == 1
    assert told in after
    assert told in folder.run("report", *arguments)
    trained = [rows for text in folder.records().values() for rows in json.loads(text)["rows"]["training"]]
    assert {(rows["read"], rows["used"]) for rows in trained} == {(64, 63), (64, 64)}


def test_gc_frees_what_no_recipe_needs(folder: Folder) -> None:
    folder.run("run", "recipe.yaml")
    before = len(stamps(folder))
    text = (folder.root / "recipe.yaml").read_text(encoding="utf-8")
    (folder.root / "narrow.yaml").write_text(text.replace("seed: [1, 2]", "seed: [1]"), encoding="utf-8")
    assert "can be removed" in folder.run("gc", "narrow.yaml")
    assert len(stamps(folder)) == before
    folder.run("gc", "narrow.yaml", "--yes")
    assert len(folder.records()) == CELLS // 2
    assert "0 of" in folder.run("run", "narrow.yaml")


def test_a_node_whose_process_is_killed_is_tried_once_more(folder: Folder, finished: Folder) -> None:
    process = folder.start("run", "recipe.yaml", "--json")
    assert process.stdout is not None
    said, killed = [], Counter[str]()
    for line in process.stdout:
        event = json.loads(line) if line.startswith("{") else {}
        said.append(event)
        if event.get("event") == "start" and event["label"].startswith("train"):
            always, key = not killed or event["key"] == next(iter(killed)), event["key"]
            if always or (len(killed) == 1):  # the first training each time, the second once
                os.kill(event["pid"], signal.SIGKILL)
                killed[key] += 1
    assert process.wait() == 1
    lost, kept = killed
    assert killed == {lost: 2, kept: 1}
    again = [event for event in said if event.get("event") == "again"]
    assert {event["key"] for event in again} == {lost, kept}
    assert {event["reason"] for event in again} == {
        "the process of this node was killed, perhaps by the system because memory is short"
    }
    ends = {event["key"]: event for event in said if event.get("event") == "end"}
    assert ends[kept]["state"] == "done"
    assert ends[lost]["state"] == "failed"
    assert "memory is short, like the one before it; if memory is short, run fewer" in ends[lost]["error"]
    blocked = [event for event in ends.values() if event["state"] == "blocked"]
    assert blocked
    assert {event["cause"] for event in blocked} <= {lost, *(event["key"] for event in blocked)}
    assert {ends[key]["state"] for key in ends if key != lost} == {"done", "blocked"}
    processes = {event["pid"] for event in said if event.get("event") == "start"}
    assert len(processes) == 5, "two go from job to job, three stand in for the dead"
    folder.run("run", "recipe.yaml")
    assert folder.records() == finished.records()


def test_data_of_unknown_size_are_tokenized_first_so_that_the_time_left_is_known(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from layover.plan.surveys import Surveys

    def unknown(*_: object) -> None:
        """Stand for a data set that is not in the local cache of the hub."""

    monkeypatch.chdir(folder.root)
    monkeypatch.setattr(Surveys, "counted", unknown)
    narrow = ("sweep.method=[lora]", "sweep.exclude=[]", "sweep.seed=[1]", "train.epochs=1", "run.hidden_state_cache=0")
    code, said = layover("run", "recipe.yaml", *narrow, "run.workers=1", "--json")
    assert code == 0, said
    events = [json.loads(line) for line in said.splitlines()]
    begun = [event["label"].split(" ")[0] for event in events if event["event"] == "start"]
    trained = begun.index("train")
    assert set(begun[:trained]) == {"tokenize"}
    assert "tokenize" not in begun[trained:]
    assert events[-1]["finished"] == events[-1]["cells"] == 2
