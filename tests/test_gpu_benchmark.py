"""The trial of the GPU benchmark on a CPU: every step runs, failures are recorded, the page says what it rests on."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from layover.encoder import DropoutClock

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "benchmarks" / "gpu.py"
pytestmark = pytest.mark.timeout(1800)
"""All steps are a minute of work, of which a busy machine makes many."""
STEPS = ("facts", "equality", "waits", "strict", "memory", "speed", "levers", "sweep")


def results(output: Path) -> dict[str, Any]:
    """Return the result of every step."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in output.glob("*.json")}


def trial(output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the script on the CPU, without any data."""
    command = [sys.executable, str(SCRIPT), "--device", "cpu", "--quick", "--output", str(output), *options]
    environment = {name: value for name, value in os.environ.items() if name != "LAYOVER_DATA"}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results of all steps."""
    output = tmp_path_factory.mktemp("gpu")
    done = trial(output, "--seconds", "3000")
    assert done.returncode == 0, done.stdout + done.stderr
    return output


def test_every_step_runs_on_a_cpu(finished: Path) -> None:
    found = results(finished)
    assert sorted(found) == sorted(STEPS)
    for step, result in found.items():
        assert (result["state"], result["errors"], result["skipped"]) == ("finished", {}, []), step
        assert all(check["passed"] for check in result["checks"]), step
    counts = {step: len(result["checks"]) for step, result in found.items() if result["checks"]}
    assert counts == {"facts": 1, "equality": 24, "waits": 8, "strict": 31, "memory": 4}
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
    done = trial(finished, "--only", "facts,equality")
    assert done.returncode == 0
    assert done.stderr.count("finished before") == 2
    assert (finished / "facts.json").stat().st_mtime_ns == before


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script as a module, whose steps are processes that copy this one."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    script = importlib.import_module("gpu")
    context = multiprocessing.get_context("fork")
    monkeypatch.setattr(script.multiprocessing, "get_context", lambda _: context)
    monkeypatch.setattr(script, "GRACE", 0.0)
    return script


def planted(monkeypatch: pytest.MonkeyPatch, step: str, work: Callable[[Any], object]) -> None:
    """Put another step in the place of one."""
    module = ModuleType(f"gpu_steps.{step}")
    module.__dict__["run"] = lambda record, _settings: work(record)
    monkeypatch.setitem(sys.modules, f"gpu_steps.{step}", module)


def nothing(record: Any) -> None:
    record.check("nothing", True)


def failing_check(record: Any) -> None:
    record.check("sum", False, of=3)


def failing_case(record: Any) -> None:
    record.case("first", lambda: 1 / 0)
    record.case("second", lambda: record.values.update(second=2))


def failing(_record: Any) -> None:
    raise ValueError("nothing to do")


def crash(_record: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def endless(record: Any) -> None:
    record.case("first", lambda: record.values.update(first=1))
    record.case("second", lambda: time.sleep(60))


@pytest.mark.parametrize(
    ("work", "state", "problem"),
    [
        (nothing, "finished", None),
        (failing_check, "finished", "facts: sum: {'of': 3}"),
        (failing_case, "finished", "facts: first: ZeroDivisionError: division by zero"),
        (failing, "failed", "facts: facts: ValueError: nothing to do"),
        (crash, "died with exit code -9", "facts: died with exit code -9"),
        (endless, "out of time", "facts: out of time"),  # before its case is interrupted
    ],
    ids=["fine", "check", "case", "step", "crash", "time"],
)
def test_a_failure_is_recorded_and_the_next_step_goes_on(
    gpu: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, work: Any, state: str, problem: str | None
) -> None:
    planted(monkeypatch, "facts", work)
    planted(monkeypatch, "strict", nothing)
    settings = gpu.Settings("cpu", True, str(tmp_path), str(tmp_path), "code")
    found = gpu.run(["facts", "strict"], settings, 4.0, again=False)
    assert {step: result["state"] for step, result in found.items()} == {"facts": state, "strict": "finished"}
    problems = [line for step, result in found.items() for line in gpu.problems_of(step, result)]
    assert (problem in problems) if problem else not problems
    assert results(tmp_path) == found
    if work is failing_case:
        assert found["facts"]["values"] == {"second": 2}
        assert "in failing_case" not in found["facts"]["errors"]["first"]
        assert "1 / 0" in found["facts"]["errors"]["first"]
    if work is endless:
        assert found["facts"]["values"] == {"first": 1}, "what was measured is kept"


def test_what_there_is_no_time_for_is_named_and_done_by_the_next_run(
    gpu: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def slow(record: Any) -> None:
        record.case("first", lambda: time.sleep(0.3))
        record.case("second", lambda: None)
        record.case("third", lambda: None, needs=1e6)

    planted(monkeypatch, "facts", slow)
    settings = gpu.Settings("cpu", True, str(tmp_path), str(tmp_path), "code")
    found = gpu.run(["facts"], settings, 0.2, again=False)["facts"]
    assert (found["state"], found["skipped"]) == ("out of time", []), "the first case is longer than all the time"
    monkeypatch.setattr(gpu, "GRACE", 5.0)
    found = gpu.run(["facts"], settings, 0.2, again=False)["facts"]
    assert (found["state"], found["skipped"]) == ("finished", ["second", "third"])
    monkeypatch.setattr("gpu_steps._record.LATE", 0.1)
    planted(monkeypatch, "facts", endless)
    found = gpu.run(["facts"], settings, 0.2, again=False)["facts"]
    assert (found["state"], found["skipped"]) == ("finished", ["second"]), "a case that is too long is interrupted"
    planted(monkeypatch, "facts", nothing)
    assert gpu.run(["facts"], settings, 5.0, again=False)["facts"]["checks"], "with something left out it is not over"
    planted(monkeypatch, "facts", failing)
    assert gpu.run(["facts"], settings, 5.0, again=False)["facts"]["state"] == "finished", "now it is"
    other = gpu.Settings("cpu", True, str(tmp_path), str(tmp_path), "other code")
    assert gpu.run(["facts"], other, 5.0, again=False)["facts"]["state"] == "failed", "other code, another result"


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Import a step into this process."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    return lambda name: importlib.import_module(f"gpu_steps.{name}")


@pytest.mark.parametrize(
    ("precision", "change", "passed"),
    [
        ("fp32", {}, True),
        ("fp32", {"loss": 1e-5}, True),
        ("fp32", {"loss": 1e-3}, False),
        ("fp32", {"gradients": 1e-3}, False),
        ("fp32", {"outputs": 1e-3}, False),
        ("fp32", {"gradients": np.nan}, False),
        ("fp32", {"outputs": np.nan}, False),
        ("fp32", {"loss": np.nan}, False),
        ("tf32", {"gradients": 5e-3}, True),
        ("tf32", {"gradients": 5e-2}, False),
        ("bf16", {"gradients": 5e-2}, True),  # of which the CPU's own bfloat16 has 4e-2
        ("bf16", {"gradients": 9e-2}, False),
        ("bf16", {"outputs": 5e-2}, False),
    ],
)
def test_a_device_that_computes_something_else_is_told(
    steps: Any, precision: str, change: dict[str, float], passed: bool
) -> None:
    equality = steps("equality")

    def computed(change: dict[str, float]) -> Any:
        gradients = {name: np.full(4, 2.0) for name in ("a", "b", "c")}
        gradients["b"] = gradients["b"] * (1 + change.get("gradients", 0.0))
        outputs = {"logits": np.full((2, 3), 3.0) * (1 + change.get("outputs", 0.0)), "tags": np.arange(4)}
        return equality.Computed(1.0 + change.get("loss", 0.0), gradients, outputs)

    exact = computed({})
    rounded = exact if precision == "fp32" else computed({"gradients": 4e-2})
    assert equality.judged(computed(change), exact, rounded, precision)["passed"] is passed
    lacking = computed({})
    lacking.gradients.pop("c")
    assert not equality.judged(lacking, exact, rounded, precision)["passed"]
    other = computed({})
    other.outputs["tags"][0] = 9
    assert not equality.judged(other, exact, rounded, precision)["passed"]


def test_waits_are_counted_at_the_lines_of_layover(steps: Any) -> None:
    waits = steps("waits")
    step = ("training/loop.py:180", "backward_over")
    counts = Counter({("training/loop.py:226", "read_losses"): 1, ("heads/span.py:27", "forward"): 8, step: 4})
    assert waits.not_allowed(counts, waits.IN_TRAINING) == {"heads/span.py:27 forward": 8, " ".join(step): 4}
    counts = Counter(
        {("heads/span.py:50", "outputs"): 2, ("inference/predict.py:80", "read"): 1, ("encoder/flow.py:9", "f"): 3}
    )
    assert waits.not_allowed(counts, waits.IN_PREDICTION) == {"encoder/flow.py:9 f": 3}
    assert waits.place() == ("(no line of Layover)", "")
    line, function = DropoutClock(0).replay(waits.place)()
    assert line.startswith("encoder/dropout.py:")
    assert function == "replayed"


def test_the_page_says_what_it_rests_on(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    page = importlib.import_module("_gpu_page").page
    assert "**No GPU has been measured.**" in page(tmp_path)
    text = page(finished)
    assert "No GPU has been measured" not in text
    assert f"Not measured on a GPU, or a trial: {', '.join(STEPS)}" in text
    for title in ("Equality", "Waits and kernels", "Deterministic mode", "Memory", "Speed", "Levers", "A sweep"):
        assert f"## {title}\n" in text
    assert "| equality | finished |" in text
    failed = json.loads((finished / "equality.json").read_text(encoding="utf-8"))
    failed["checks"][0]["passed"], failed["device"], failed["quick"] = False, "cuda", False
    (tmp_path / "equality.json").write_text(json.dumps(failed), encoding="utf-8")
    text = page(tmp_path)
    assert f"- equality: {failed['checks'][0]['name']}\n" in text
    assert "Not measured on a GPU" not in text
    kept = ROOT / "benchmarks" / "results" / "gpu"
    assert (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8") == page(kept), "run benchmarks/page.py"
