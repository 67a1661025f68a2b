"""A sweep whose learning rate is chosen between its trainings, through the real command line with a toy chooser."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.engine.conftest import Folder

PROGRAM = Path(__file__).resolve().parents[1] / "toy_rounds.py"
SMALL = ("sweep.method=[lora]", "sweep.intermediate=[none]", "sweep.exclude=[]", "sweep.seed=[1]")


def toy(folder: Folder, verb: str, *arguments: str, code: int = 0) -> str:
    """Run a verb with the toy chooser; return what it said, with `--json` on standard output alone."""
    command = [sys.executable, str(PROGRAM), verb, "recipe.yaml", *arguments]
    done = subprocess.run(command, cwd=folder.root, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout if "--json" in arguments else done.stdout + done.stderr


def test_a_value_is_chosen_between_trainings(folder: Folder) -> None:
    before = json.loads(toy(folder, "plan", *SMALL, "--json"))
    assert (before["cells"], before["pending"]["cells"]) == (1, ["tiny/lora/none/moods/1"])
    (asked,) = before["pending"]["rounds"]
    assert (asked["finished"], asked["chosen"]) == (0, None)
    # a training, data and predictions of two languages, scores
    assert before["pending"]["at_most"]["nodes"] == 1 + 2 + 2 + 1
    assert "cells that wait for a choice: 1" in toy(folder, "plan", *SMALL)
    status = json.loads(toy(folder, "status", *SMALL, "--json"))
    assert (status["cells"], status["pending"]) == ({"moods": [0, 1]}, ["tiny/lora/none/moods/1"])

    said = toy(folder, "run", *SMALL)
    told = _why(folder, asked["key"])
    (chosen,) = told["chosen"]
    assert f"lora.lr for moods after none: chosen by toy: {chosen}" in said
    assert "1 of 1 cells finished" in said
    after = json.loads(toy(folder, "plan", *SMALL, "--json"))
    assert (after["to_run"], after["cells"], after["pending"]["cells"]) == (0, 1, [])
    scores = {one["value"]: one["score"] for one in told["candidates"]}
    assert all(one["finished"] for one in told["candidates"])
    assert scores[chosen] == max(scores.values())

    # a recipe that names the value has nothing left to do: cells are keyed by it
    named = json.loads(folder.run("plan", "recipe.yaml", *SMALL, f"methods.lora.{chosen}", "--json"))
    assert named["to_run"] == 0

    # without its file the same choice is made again, and nothing is trained for it
    shutil.rmtree(folder.root / "store" / "choices")
    assert "a value of its method is not chosen yet" in toy(folder, "export", "tiny/lora/none/moods/1", *SMALL, code=2)
    again = toy(folder, "run", *SMALL)
    assert "0 of" in again
    assert json.loads(toy(folder, "plan", *SMALL, "--json"))["pending"]["rounds"][0]["chosen"] == [chosen]


def test_a_trial_that_diverges_is_not_chosen(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_RATES", "1e-4 1e30")
    said = toy(folder, "run", *SMALL)
    assert "loss or gradient norm is not finite" in said
    assert "lora.lr for moods after none: chosen by toy: lr=0.0001" in said
    assert "1 of 1 cells finished" in said
    assert "0 of" in toy(folder, "run", *SMALL)


def test_a_round_in_which_all_trials_diverge_stays_open(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_RATES", "1e30")
    said = toy(folder, "run", *SMALL, code=1)
    assert "layover: lora.lr for moods after none: no trial has a score" in said
    assert "0 of 1 cells finished" in said


def _why(folder: Folder, key: str) -> dict[str, Any]:
    command = [sys.executable, str(PROGRAM), "why", key, "recipe.yaml", *SMALL, "--json"]
    done = subprocess.run(command, cwd=folder.root, capture_output=True, text=True, timeout=120, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told
