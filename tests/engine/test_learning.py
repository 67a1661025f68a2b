"""What the sandbox is for: its encoder learns, other languages follow, and an intermediate task is worth something."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import mean

import pytest

pytestmark = pytest.mark.slow

RECIPE = Path(__file__).parents[2] / "recipes" / "quickstart.yaml"
TASK, OTHERS = "sandbox/completion", "sandbox/ner, sandbox/aligned"
PART = (
    "sweep.method=[lora, stack]",
    f"sweep.intermediate=[none, {TASK}]",
    f"sweep.target=[sandbox/copa, {OTHERS}]",
    "sweep.seed=[1]",
    # of the others one cell each is looked at
    f"sweep.exclude=[{{target: [{OTHERS}], method: stack}}, {{target: [{OTHERS}], intermediate: {TASK}}}]",
)
Scores = dict[tuple[str, str, str], dict[str, float]]


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Scores:
    """Run a part of the quickstart; (method, intermediate, target) -> language -> score of the first metric."""
    work = tmp_path_factory.mktemp("quickstart")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "LAYOVER_CACHE": str(work / "cache")}
    for verb in ("run", "report"):
        command = [sys.executable, "-m", "layover", verb, str(RECIPE), *PART]
        done = subprocess.run(
            command, check=False, cwd=work, env=environment, capture_output=True, text=True, timeout=550
        )
        assert done.returncode == 0, done.stdout + done.stderr
    found: Scores = {}
    for line in (work / "reports/quickstart/records.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        by_language = {code: metrics[row["metric"]] for code, metrics in row["record"]["languages"].items()}
        found[row["method"], row["intermediate"], row["target"]] = by_language
    return found


def test_english_is_learned_and_other_languages_follow(scores: Scores) -> None:
    copa = scores["stack", "sandbox/completion", "sandbox/copa"]
    assert copa["en"] > 80, "chance is 50"
    assert mean(copa[code] for code in copa if code != "en") > 72
    assert min(copa.values()) > 60, "no language is left at chance"
    names = scores["lora", "none", "sandbox/ner"]
    assert names["en"] > 85
    assert mean(names[code] for code in names if code != "en") > 60, "who never says a name has 0"


def test_an_intermediate_task_is_worth_something(scores: Scores) -> None:
    for method in ("lora", "stack"):
        without, with_ = (scores[method, before, "sandbox/copa"] for before in ("none", "sandbox/completion"))
        assert mean(with_.values()) > mean(without.values()) + 5


def test_sentences_are_found_without_any_training(scores: Scores) -> None:
    aligned = scores["lora", "none", "sandbox/aligned"]
    assert set(aligned) == {"ar", "de", "es", "ru", "sw", "tr", "zh"}
    assert min(aligned.values()) > 10, "chance is 0.2"
