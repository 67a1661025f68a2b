"""The trial of the GPU benchmark on a CPU: every step runs, what fails is recorded, and the page says what it rests on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "gpu.py"
STEPS = ("facts", "equality", "waits", "strict", "memory", "speed", "levers", "sweep")


def run(output: Path, *options: str, code: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the script, or `code` in its place, on the CPU; without any data."""
    command = [sys.executable, *([str(SCRIPT)] if code is None else ["-c", code])]
    environment = {name: value for name, value in os.environ.items() if name != "LAYOVER_DATA"}
    return subprocess.run(
        [*command, "--device", "cpu", "--quick", "--output", str(output), *options],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )


def results(output: Path) -> dict[str, Any]:
    """Return the result of every step."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in output.glob("*.json")}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results of all steps."""
    output = tmp_path_factory.mktemp("gpu")
    done = run(output, "--seconds", "3000")
    assert done.returncode == 0, done.stdout + done.stderr
    return output


def page(results_in: Path, docs: Path) -> str:
    """Return the page that is written from a folder of results; the other results are those that are kept."""
    kept = SCRIPT.parent / "results"
    shutil.copytree(kept, docs / "results", ignore=shutil.ignore_patterns("gpu"))
    if results_in.is_dir():
        shutil.copytree(results_in, docs / "results" / "gpu")
    command = [sys.executable, str(SCRIPT.with_name("page.py")), "--results", str(docs / "results"), "--docs", str(docs)]
    subprocess.run(command, check=True, capture_output=True)
    return (docs / "gpu.md").read_text(encoding="utf-8")


def test_every_step_runs_on_a_cpu(finished: Path) -> None:
    found = results(finished)
    assert sorted(found) == sorted(STEPS)
    for step, result in found.items():
        assert (result["state"], result["errors"], result["skipped"]) == ("finished", {}, []), step
        assert all(check["passed"] for check in result["checks"]), step
    assert {step: len(result["checks"]) for step, result in found.items()} == {
        "facts": 1,
        "equality": 24,
        "waits": 8,
        "strict": 4,
        "memory": 4,
        "speed": 0,
        "levers": 0,
        "sweep": 0,
    }
    values = {step: result["values"] for step, result in found.items()}
    for ways in (values["speed"]["train"]["base, batch 16"]["ways"], values["speed"]["predict"]["base"]["ways"]):
        assert {"ours, fp32", "ours, bf16"} <= {name.partition(", dropout")[0] for name in ways}
        assert {"peft LoRA (a)", "peft LoRA (b)"} <= set(ways)
        assert all(row["tokens_per_second"]["median"] > 0 for row in ways.values())
    assert values["sweep"]["runs"]
    assert values["sweep"]["loops"]
    recovered = values["memory"]["recovery"]["training, fp32"]
    assert recovered["tokens_after"] < recovered["tokens_before"]


def test_a_finished_step_is_not_run_again(finished: Path) -> None:
    before = (finished / "facts.json").stat().st_mtime_ns
    done = run(finished, "--only", "facts,equality")
    assert done.returncode == 0
    assert done.stderr.count("finished before") == 2
    assert (finished / "facts.json").stat().st_mtime_ns == before


PLANTED = """
import sys
sys.path[:0] = [{benchmarks!r}]
import gpu
original = gpu.importlib.import_module

def planted(name):
    step = original(name)
    if name == "gpu_steps.facts":
        {fault}
    return step

def do(step, settings, seconds):
    gpu.importlib.import_module = planted
    gpu_do(step, settings, seconds)

gpu_do, gpu.do = gpu.do, do
context = gpu.multiprocessing.get_context("fork")
gpu.multiprocessing.get_context = lambda _: context
context.set_forkserver_preload = lambda _: None
gpu.GRACE = 0.0
gpu.main()
"""


@pytest.mark.parametrize(
    ("fault", "state", "said"),
    [
        ("step.of_torch = lambda: 1 / 0", "finished", "facts: torch: ZeroDivisionError: division by zero"),
        ("step.run = lambda record, settings: 1 / 0", "failed", "facts: facts: ZeroDivisionError: division by zero"),
        ("step.run = lambda record, settings: record.check('sum', False, of=3)", "finished", "facts: sum: {'of': 3}"),
        ("step.run = lambda record, settings: __import__('os').abort()", "died with exit code -6", "died with exit"),
        ("step.run = lambda record, settings: __import__('time').sleep(60)", "out of time", "facts: out of time"),
    ],
    ids=["case", "step", "check", "crash", "time"],
)
def test_a_failure_is_recorded_and_the_next_step_goes_on(tmp_path: Path, fault: str, state: str, said: str) -> None:
    code = PLANTED.format(benchmarks=str(SCRIPT.parent), fault=fault)
    seconds = "1" if state == "out of time" else "60"
    done = run(tmp_path, "--only", "facts,waits", "--seconds", seconds, code=code)
    assert done.returncode == 1, done.stdout + done.stderr
    assert said in done.stdout
    found = results(tmp_path)
    assert found["facts"]["state"] == state
    assert sorted(found) == ["facts", "waits"]
    if state != "out of time":  # there no second is left for the next
        assert found["waits"]["state"] == "finished"


def test_the_page_says_that_no_gpu_has_been_measured(finished: Path, tmp_path: Path) -> None:
    docs = tmp_path / "nothing"
    docs.mkdir()
    assert "**No GPU has been measured.**" in page(tmp_path / "absent", docs)
    docs = tmp_path / "trial"
    docs.mkdir()
    trial = page(finished, docs)
    assert "No GPU has been measured" not in trial
    assert f"Not measured on a GPU, or a trial: {', '.join(STEPS)}" in trial
    for title in ("Equality", "Waits and kernels", "Deterministic mode", "Memory", "Speed", "Levers", "A sweep"):
        assert f"## {title}\n" in trial
    assert "peft LoRA (b)" in trial
