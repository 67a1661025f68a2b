"""What each verb does with a damaged node: those that read leave a gap and say so, `run` computes it again."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.store.faults import Sweep, exchange

from layover.store import locks
from layover.store.lease import Lease
from layover.store.locks import RUN


@pytest.fixture
def whole(sweep: Sweep, clean: dict[str, str]) -> Sweep:
    """The finished sweep, its store as it was."""
    assert clean
    sweep.put("whole")
    return sweep


class Clock:
    """What waiting for others knows of time: something happens at its first sleep, and it does not sleep for ever."""

    monotonic = staticmethod(time.monotonic)

    def __init__(self, happens: Callable[[], object]) -> None:
        self._happens, self._slept = happens, 0

    def sleep(self, seconds: float) -> None:
        self._slept += 1
        assert self._slept < 20, "it waits for ever"
        if self._slept == 1:
            self._happens()
        else:
            time.sleep(seconds)


def node(sweep: Sweep, label: str) -> Any:
    """Return the node of the plan whose label begins so."""
    return next(node for node in sweep.plan().plan.nodes.values() if node.label.startswith(label))


def file_of(sweep: Sweep, label: str, name: str) -> Path:
    key = node(sweep, label).key
    return sweep.store / "nodes" / key[:2] / key / name


def scribble(file: Path) -> None:
    """Change the last byte but two, and leave size and time as they were."""
    data, stat = bytearray(file.read_bytes()), file.stat()
    data[-3] ^= 1
    file.write_bytes(bytes(data))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


RECIPE_VERBS = ("plan", "status", "report")
SCORE = "score moods mini/stack"


def test_verbs_that_read_leave_a_gap_and_say_so(whole: Sweep, tmp_path: Path) -> None:
    scribble(file_of(whole, SCORE, "record.json"))
    before = sorted(path for path in whole.store.rglob("*") if path.is_file())
    for verb in RECIPE_VERBS:
        more = ("--out", str(tmp_path / "out")) if verb == "report" else ()
        code, said = whole.layover(verb, str(whole.recipe), *more)
        assert code == 0, said
        assert said.count("\nlayover: ") + said.startswith("layover: ") == 1
        assert "1 node is damaged and counts as not finished: score moods mini/stack" in said, said
        assert "record.json does not match its hash" in said
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "scores.csv").read_text(encoding="utf-8"))))
    gap = [row for row in rows if (row["model"], row["method"], row["target"]) == ("mini", "stack", "moods")]
    assert [(row["score"], row["missing"]) for row in gap] == [("", "not run")]
    assert all(row["score"] for row in rows if row not in gap)
    assert sorted(path for path in whole.store.rglob("*") if path.is_file()) == before, "they only read"


def test_status_and_plan_tell_machines(whole: Sweep) -> None:
    scribble(file_of(whole, SCORE, "record.json"))
    key = node(whole, SCORE).key
    status = json.loads(whole.layover("status", str(whole.recipe), "--json")[1].splitlines()[-1])
    assert list(status["damaged"]) == [key]
    assert status["cells"]["moods"] == [3, 4]
    plan = json.loads(whole.layover("plan", str(whole.recipe), "--json")[1].splitlines()[-1])
    assert (plan["to_run"], list(plan["damaged"])) == (1, [key])
    why = json.loads(whole.layover("why", key, "--json")[1].splitlines()[-1])
    assert not why["finished"]
    assert "record.json" in why["damage"]


def test_run_sets_it_aside_and_computes_it_again(whole: Sweep, clean: dict[str, str]) -> None:
    file = file_of(whole, SCORE, "record.json")
    scribble(file)
    code, said = whole.run()
    assert code == 0, said
    assert "damaged: score moods mini/stack/claims seed 1 (record.json does not match its hash)" in said
    assert "1 of" in said
    assert whole.report() == clean
    aside = whole.store / "damaged" / f"{file.parent.name}.1"
    assert (aside / "record.json").is_file()
    code, said = whole.run()
    assert "damaged" not in said
    assert "0 of" in said


def test_a_damaged_training_is_computed_again_and_its_intact_scores_are_not(
    whole: Sweep, clean: dict[str, str]
) -> None:
    edited = file_of(whole, "train moods mini/stack", "done.json")
    text = edited.read_text(encoding="utf-8")
    edited.write_text(re.sub(r'"alpha": \d', '"alpha": 7', text), encoding="utf-8")
    assert edited.read_text(encoding="utf-8") != text
    scored = file_of(whole, SCORE, "record.json").stat().st_mtime_ns
    code, said = whole.run()
    assert code == 0, said
    assert "done.json was changed: it does not match its digest" in said
    assert said.count("] ") == 1, "one node ran"
    assert file_of(whole, SCORE, "record.json").stat().st_mtime_ns == scored
    assert whole.report() == clean


@pytest.mark.parametrize(
    ("state", "label", "name"),
    [
        ("unscored", "train moods mini/stack", "module.safetensors"),
        ("unscored", "train claims mini/stack", "module.safetensors"),
        ("unscored", "tokenize moods test de", "features.safetensors"),
        ("untrained", "train claims mini/stack", "module.safetensors"),
        ("untrained", "tokenize moods train und", "features.safetensors"),
    ],
)
def test_damage_that_a_worker_meets_is_mended_in_the_same_run(
    sweep: Sweep, clean: dict[str, str], state: str, label: str, name: str
) -> None:
    sweep.put(state)
    scribble(file_of(sweep, label, name))
    code, said = sweep.run()
    assert code == 0, said
    assert f"damaged: {label}" in said
    assert f"({name} does not match its hash); it is set aside and computed again" in said
    assert sweep.report() == clean


def test_a_node_that_is_gone_is_computed_again_where_something_reads_it(sweep: Sweep, clean: dict[str, str]) -> None:
    sweep.put("unscored")
    shutil.rmtree(file_of(sweep, "train claims mini/stack", "done.json").parent)
    code, said = sweep.run()
    assert code == 0, said
    assert "train claims mini/stack" in said
    assert sweep.report() == clean


def test_export_says_what_is_damaged_and_run_mends_it(whole: Sweep, tmp_path: Path) -> None:
    scribble(file_of(whole, "train moods mini/stack", "head.safetensors"))
    export = ("export", str(whole.recipe), "mini/stack/claims/moods/1", "--to", str(tmp_path / "packages"))
    code, said = whole.layover(*export)
    assert code == 2
    assert "is damaged (head.safetensors does not match its hash); `layover run` computes it again" in said
    code, said = whole.run()
    assert code == 0
    assert "damaged: train moods mini/stack" in said
    code, said = whole.layover(*export)
    assert code == 0, said


def test_gc_counts_and_removes_what_is_damaged(whole: Sweep) -> None:
    scribble(file_of(whole, SCORE, "record.json"))
    assert whole.run()[0] == 0
    scribble(file_of(whole, "score moods one/stack", "record.json"))
    keys = [node(whole, label).key for label in (SCORE, "score moods one/stack")]
    code, said = whole.layover("gc", str(whole.recipe))
    assert code == 0
    assert "0 nodes, " in said
    assert "the bytes include 1 damaged node" in said
    assert (whole.store / "damaged" / f"{keys[0]}.1").is_dir()
    answer = json.loads(whole.layover("gc", str(whole.recipe), "--yes", "--json")[1])
    assert answer["nodes"] == []
    assert answer["damaged"] == [keys[1]]
    assert answer["bytes"] > 1000
    assert list((whole.store / "damaged").iterdir()) == []
    assert not (whole.store / "nodes" / keys[1][:2] / keys[1]).exists()


def test_exchanged_gold_shows_no_old_number(whole: Sweep, clean: dict[str, str]) -> None:
    """The labels are turned round, with the size and the time that they had, as `touch -r` does."""
    file = whole.root / "data" / "english.jsonl"
    other, stat = file.with_name("other.jsonl"), file.stat()
    text = file.read_text(encoding="utf-8")
    turned = text.replace('"yes"', '"???"').replace('"no"', '"yes"').replace('"???"', '"no"')
    other.write_text(turned, encoding="utf-8")
    assert other.stat().st_size == stat.st_size
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    exchange(file, other)
    try:
        code, said = whole.run()
        assert code == 0, said
        stale = whole.report()
    finally:
        exchange(file, other)
        other.unlink()
    lines = zip(clean["scores.csv"].splitlines(), stale["scores.csv"].splitlines(), strict=True)
    before_after = [
        (one.split(","), two.split(",")) for one, two in lines if ",moods," in one and ",en,accuracy," in one
    ]
    assert before_after
    for one, two in before_after:
        assert float(one[7]) == pytest.approx(100 - float(two[7]))


def test_an_encoder_that_changes_after_the_plan_is_refused_before_it_is_read(sweep: Sweep) -> None:
    from layover.engine.worker import run_node
    from layover.store import Store

    sweep.put("untrained")
    planned = node(sweep, "train moods one/stack")
    one, two = (sweep.root / name / "model.safetensors" for name in ("one", "two"))
    data = bytearray(two.read_bytes())
    data[-3] ^= 1
    other = two.with_name("other.safetensors")
    other.write_bytes(bytes(data))
    exchange(one, other)
    other.rename(sweep.root / "kept")
    try:
        said: list[Any] = []
        store, execution = Store(sweep.store), sweep.plan().plan.recipe.document.run
        assert run_node(planned, store, execution, said.append) == "failed"
    finally:
        (sweep.root / "kept").replace(one)
    assert "one: its config or weights have changed since the plan was made; run again" in said[-1]["error"]
    assert not store.has(planned.key)


def test_gc_keeps_what_was_run_while_it_waited(whole: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe is edited and run meanwhile: what gc keeps is what the recipe names when gc has the store alone."""
    text = whole.recipe.read_text(encoding="utf-8")
    waited: list[str] = []
    other = Lease(whole.store / "locks", RUN, "run")

    def meanwhile() -> None:
        edited = text.replace("mixer: gated}, lr: 3e-3", "mixer: gated}, lr: 2e-3")
        whole.recipe.write_text(edited, encoding="utf-8")
        waited.append("run")
        code, said = whole.run()
        assert code == 0, said
        assert not said.startswith("0 of"), said
        other.release()

    (whole.store / "locks").mkdir(exist_ok=True)
    try:
        monkeypatch.setattr(locks, "time", Clock(meanwhile))
        code, said = whole.layover("gc", str(whole.recipe), "--yes")
        monkeypatch.undo()
        assert (code, waited) == (0, ["run"]), said
        assert whole.run()[1].startswith("0 of"), "nothing of it is gone"
    finally:
        whole.recipe.write_text(text, encoding="utf-8")


def test_gc_that_is_stopped_while_it_waits_says_that_nothing_was_changed(
    whole: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    (whole.store / "locks").mkdir(exist_ok=True)
    other = Lease(whole.store / "locks", RUN, "run")
    monkeypatch.setattr(locks, "time", Clock(lambda: signal.raise_signal(signal.SIGTERM)))
    try:
        code, said = whole.layover("gc", str(whole.recipe), "--yes")
    finally:
        other.release()
    assert code == 130
    assert said.endswith("layover: stopped while waiting; nothing was changed\n")
