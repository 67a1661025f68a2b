"""Faults are done to what a sweep leaves on the disk: no number becomes wrong, each is mended or told."""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections import Counter

import pytest
from tests.store import faults
from tests.store.faults import STATES, Sweep
from tests.thorough import THOROUGH, count

COUNT = count(14, 220)
SWAPS = max(len(faults.SWAPS), COUNT // 11)


def test_every_state_leads_to_the_same_report(sweep: Sweep, clean: dict[str, str]) -> None:
    for state in STATES[1:]:
        sweep.put(state)
        assert faults.outcome(sweep, clean) == "harmless"
    measured = sweep.store.glob("nodes/*/*/measured.json")
    resumed = [json.loads(file.read_text(encoding="utf-8"))["resumed_at"] for file in measured]
    assert any(resumed), "no checkpoint was used"


def test_no_fault_makes_a_number_wrong(sweep: Sweep, clean: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    counts: Counter[str] = Counter()
    wrong = []
    for seed in range(COUNT):
        drawn = random.Random(seed)  # noqa: S311
        sweep.put(STATES[seed % len(STATES)])
        one = SWAPS - (COUNT - seed)
        fault = faults.SWAPS[one % len(faults.SWAPS)](sweep, drawn) if one >= 0 else faults.corrupt(sweep, drawn)
        found = faults.outcome(sweep, clean)
        counts[found.split()[0]] += 1
        told = f"{seed:3} {STATES[seed % len(STATES)]:9} {fault.name:28} {fault.place:60} {found}"
        if THOROUGH:
            with capsys.disabled():
                sys.stdout.write(f"{told}\n")
        if found.startswith("WRONG"):
            wrong.append(told)
    if THOROUGH:
        with capsys.disabled():
            sys.stdout.write(f"{dict(counts)}\n")
    assert not wrong, "\n".join(wrong)
    assert counts["healed"] > 0


def test_tokenizers_exchanged_with_equal_size_and_time(sweep: Sweep, clean: dict[str, str]) -> None:
    one, two = (sweep.root / name / "tokenizer.json" for name in ("one", "two"))
    assert (one.stat().st_size, one.stat().st_mtime_ns) == (two.stat().st_size, two.stat().st_mtime_ns)
    assert one.read_bytes() != two.read_bytes()
    sweep.put("whole")
    with faults.exchanged(one, two):
        code, said = sweep.run()
        assert code == 0, said
        assert "train moods one/stack" in said, "the old numbers are shown"
        stale = sweep.report()
        shutil.rmtree(sweep.store)
        assert sweep.run()[0] == 0
        fresh = sweep.report()
    assert stale == fresh
    assert stale != clean
