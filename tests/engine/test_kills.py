"""Kills at random moments: no result is lost or changed, nothing hangs, every run ends by a code that is documented."""

from __future__ import annotations

import random
import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from tests.engine import kills
from tests.engine.kills import Tally
from tests.thorough import THOROUGH, count

if TYPE_CHECKING:
    from tests.engine.conftest import Folder

pytestmark = pytest.mark.slow

COUNT = count(3, 100)


def test_no_kill_loses_or_changes_a_result(
    folder: Folder, finished: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    tally, seed = Tally(), 0
    while sum(tally.kills.values()) < COUNT and seed < 4 * COUNT:
        kills.life(folder, random.Random(seed), COUNT - sum(tally.kills.values()), tally)  # noqa: S311
        seed += 1
        if folder.records() == finished.records():
            tally.finished += 1
            assert folder.weights() == finished.weights()
            shutil.rmtree(folder.root / "store")
        if THOROUGH:
            with capsys.disabled():
                sys.stdout.write(f"{seed} {tally}\n")
                sys.stdout.flush()
    folder.run("run", "recipe.yaml")
    assert not tally.wrong, "\n".join(tally.wrong)
    assert sum(tally.kills.values()) >= COUNT
    assert folder.records() == finished.records()
    assert folder.weights() == finished.weights()
    assert not list(folder.root.glob("store/nodes/**/.*"))
    assert folder.run("run", "recipe.yaml").startswith("0 of 30 nodes")
