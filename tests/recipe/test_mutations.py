"""`layover check` answers whatever is done to a recipe: it is valid, or every line of the answer says what is wrong.

`LAYOVER_MUTATIONS_FROM=7000` tries others of them.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import pytest
from tests.quick import assert_quick
from tests.recipe.mutations import ROOT, mutated
from tests.recipe.test_words import MACHINERY
from tests.thorough import count

from layover.cli.main import main

COUNT = count(60, 1_500)
FIRST = int(os.environ.get("LAYOVER_MUTATIONS_FROM", "0"))
SECONDS = 5
"""Of CPU time, most of which is for machines that are slow; a recipe takes a few hundredths."""
AT = 10
"""Mutations in one test: a failed one names its seed."""

COUNTED = re.compile(r"^layover: \d+ problems? in the recipe$")
PLACED = re.compile(r"^  (\S*mutated\.yaml:\d+|command line \(.*\)): .")
WHOLE = re.compile(r"^  \S*mutated\.yaml: (has [\d,]+ bytes, but|and [\d,]+ more$)")


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, AT))
def test_check_answers_every_mutation(
    first: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    path = tmp_path / "mutated.yaml"
    for seed in range(first, min(first + AT, FIRST + COUNT)):
        content, overrides = mutated(seed)
        path.write_bytes(content)
        monkeypatch.setattr(sys, "argv", ["layover", "check", str(path), "--", *overrides])
        started = time.process_time()
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        seconds = time.process_time() - started
        out, err = capsys.readouterr()
        check_answer(seed, 0 if code is None else code, out, err)
        assert_quick(seconds, SECONDS, seed)


def check_answer(seed: int, code: object, out: str, err: str) -> None:
    """Check that an answer is for people: an exit code that is documented, and problems with their places."""
    assert code in {0, 2}, (seed, code, err)
    assert "Traceback" not in out + err, (seed, err)
    if code == 0:
        assert ": valid; " in out, seed
        assert err == "", (seed, err)
        return
    assert out == "", (seed, out)
    title, *problems = err.rstrip("\n").split("\n")
    assert COUNTED.match(title), (seed, err)
    assert problems, seed
    for line in problems:
        assert PLACED.match(line) or WHOLE.match(line), (seed, line)
        assert not MACHINERY.search(line), (seed, line)
        assert len(line) < 3000, seed


def test_mutations_are_the_same_for_the_same_seed() -> None:
    assert [mutated(seed) for seed in range(5)] == [mutated(seed) for seed in range(5)]
    assert len({mutated(seed)[0] for seed in range(40)}) > 25
