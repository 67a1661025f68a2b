"""Faults are done to what a sweep leaves on the disk: no number becomes wrong, each is mended or told.

`LAYOVER_FAULTS=220` does so many; the few of an ordinary run are the first of them.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter

import pytest
from tests.store import faults
from tests.store.faults import Sweep

COUNT = int(os.environ.get("LAYOVER_FAULTS", "22"))
SWAPS = max(len(faults.SWAPS), COUNT // 11)
STATES = ("whole", "unscored", "untrained", "stopped")
"""What of the sweep is there when the fault comes: all of it; not what is predicted and scored; no training of a
target; beginnings of those."""


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """A finished sweep, and its store in several states beside it."""
    made = Sweep(tmp_path_factory.mktemp("faults"))
    code, said = made.run()
    assert code == 0, said
    keep = made.root / "whole"
    shutil.copytree(made.store, keep, symlinks=True)
    for state in STATES[1:]:
        shutil.copytree(keep, made.store, dirs_exist_ok=True)
        made.leave({"score", "predict"})
        if state != "unscored":
            targets = {cell.train for cell in made.plan().plan.cells}
            for key in targets:
                shutil.rmtree(made.store / "nodes" / key[:2] / key)
        if state == "stopped":
            made.stop_trainings()
            assert len(list(made.store.glob("work/*/step-*"))) == len(targets)
        shutil.rmtree(made.root / state, ignore_errors=True)
        shutil.copytree(made.store, made.root / state, symlinks=True)
    put(made, "whole")
    return made


@pytest.fixture(scope="module")
def clean(sweep: Sweep) -> dict[str, str]:
    put(sweep, "whole")
    return sweep.report()


def put(sweep: Sweep, state: str) -> None:
    """Put the store into a state."""
    shutil.rmtree(sweep.store, ignore_errors=True)
    shutil.copytree(sweep.root / state, sweep.store, symlinks=True)


def test_every_state_leads_to_the_same_report(sweep: Sweep, clean: dict[str, str]) -> None:
    for state in STATES[1:]:
        put(sweep, state)
        assert faults.outcome(sweep, clean) == "harmless"
    measured = sweep.store.glob("nodes/*/*/measured.json")
    assert any('"resumed_at": null' not in file.read_text(encoding="utf-8") for file in measured), (
        "no checkpoint is used"
    )


def test_no_fault_makes_a_number_wrong(sweep: Sweep, clean: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    counts: Counter[str] = Counter()
    wrong = []
    for seed in range(COUNT):
        drawn = random.Random(seed)  # noqa: S311
        put(sweep, STATES[seed % len(STATES)])
        one = SWAPS - (COUNT - seed)
        fault = faults.SWAPS[one % len(faults.SWAPS)](sweep, drawn) if one >= 0 else faults.corrupt(sweep, drawn)
        found = faults.outcome(sweep, clean)
        counts[found.split()[0]] += 1
        line = f"{seed:3} {STATES[seed % len(STATES)]:9} {fault.name:28} {fault.place:60} {found}"
        if os.environ.get("LAYOVER_FAULTS"):
            with capsys.disabled():
                print(line, flush=True)
        if found.startswith("WRONG"):
            wrong.append(line)
    if os.environ.get("LAYOVER_FAULTS"):
        with capsys.disabled():
            print(dict(counts))
    assert not wrong, "\n".join(wrong)
    assert counts["healed"] > 0


def test_tokenizers_exchanged_with_equal_size_and_time(sweep: Sweep, clean: dict[str, str]) -> None:
    one, two = (sweep.root / name / "tokenizer.json" for name in ("one", "two"))
    assert (one.stat().st_size, one.stat().st_mtime_ns) == (two.stat().st_size, two.stat().st_mtime_ns)
    put(sweep, "whole")
    with faults.exchanged(one, two):
        code, said = sweep.run()
        assert code == 0, said
        assert "train moods one/stack" in said, "the old numbers are shown"
        stale, fresh = sweep.report(), None
        shutil.rmtree(sweep.store)
        assert sweep.run()[0] == 0
        fresh = sweep.report()
    assert stale == fresh
    assert stale != clean
