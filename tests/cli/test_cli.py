"""The command line as a person meets it: help, mistakes, exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.command import layover_apart as layover

from layover import __version__
from layover.cli.commands.doctor import examine
from layover.devices import DeviceFacts
from layover.store import Store

ROOT = Path(__file__).resolve().parents[2]
VERBS = (
    "check",
    "plan",
    "fit",
    "run",
    "status",
    "why",
    "report",
    "errors",
    "predictions",
    "export",
    "list",
    "new",
    "gc",
    "predict",
    "doctor",
    "data",
    "xtreme-submission",
    "xtreme-score",
    "sandbox",
    "init-encoder",
)


def process(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `layover ARGUMENTS` in a process of its own, which is told to ask no hub."""
    return subprocess.run(
        [sys.executable, "-m", "layover", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )


def test_help_names_every_verb() -> None:
    found = process("--help")
    assert found.returncode == 0
    for verb in VERBS:
        assert f"  {verb}" in found.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str) -> None:
    found = layover(verb, "--help")
    assert found.returncode == 0
    assert len(found.stdout.splitlines()) > 3


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from layover.cli.main import build_app; build_app(); print('pydantic' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_a_typo_is_one_clear_error(tmp_path: Path) -> None:
    recipe = tmp_path / "own-data.yaml"
    text = (ROOT / "recipes" / "own-data.yaml").read_text(encoding="utf-8")
    recipe.write_text(text.replace("epochs: 20", "epoch: 20"), encoding="utf-8")
    for verb in ("check", "plan", "run", "status", "report", "errors", "predictions"):
        found = layover(verb, str(recipe), *(["a cell"] if verb == "errors" else []), cwd=ROOT)
        assert found.returncode == 2
        assert found.stdout == ""
        line = text.splitlines().index("train: {batch: 8, epochs: 20, max_length: 32}") + 1
        assert f"{recipe}:{line}: train.epoch: unknown key; did you mean 'epochs'?" in found.stderr
        assert "Traceback" not in found.stderr
    assert not (ROOT / "reports" / "own-data").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("check", "nowhere.yaml"), "no such file"),
        (("list", "taks"), "did you mean 'tasks'?"),
        (("gc",), "name the recipes"),
        (("why", "abc"), "there is no store at"),
    ],
)
def test_mistakes_end_with_code_2(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    found = layover(*arguments, cwd=tmp_path)
    assert found.returncode == 2
    assert message in found.stderr
    assert "Traceback" not in found.stderr


def test_a_plan_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    recipe = (ROOT / "recipes" / "own-data.yaml").read_text(encoding="utf-8")
    (tmp_path / "own-data.yaml").write_text(recipe.replace("sandbox/mini", "./nowhere"), encoding="utf-8")
    found = layover("plan", "own-data.yaml", f"data_root={ROOT / 'recipes' / 'own-data'}", cwd=tmp_path)
    assert found.returncode == 2
    assert "models.mini" in found.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["own-data.yaml"]


def test_a_store_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    found = layover("gc", str(ROOT / "recipes" / "own-data.yaml"), "--store", str(tmp_path), cwd=ROOT)
    assert found.returncode == 2
    assert "neither empty nor a store" in found.stderr


def test_check_answers_machines() -> None:
    found = layover("check", "recipes/own-data.yaml", "--json", cwd=ROOT)
    assert json.loads(found.stdout)["valid"] is True
    text = layover("check", "recipes/own-data.yaml", cwd=ROOT).stdout
    assert re.search(r"\b1 model, ", text)
    assert not re.search(r"\b1 \w+s\b", text.partition("\n")[0])


@pytest.mark.parametrize("what", ["tasks", "kinds", "methods", "objectives", "perturbations", "models"])
def test_lists(what: str) -> None:
    rows = json.loads(layover("list", what, "--json").stdout)
    assert len(rows) >= 2
    assert layover("list", what).stdout.count("\n") == len(rows) + 2


def test_the_list_of_methods_tells_their_rates_and_epochs() -> None:
    text = layover("list", "methods").stdout
    for name, numbers in {"bottleneck": "lr=0.0001, epochs=10", "full": "lr=2e-05, epochs=3"}.items():
        (line,) = (line for line in text.splitlines() if f" {name} " in line and line.startswith("module"))
        assert numbers in line


def test_doctor_tells_the_versions() -> None:
    facts = json.loads(layover("doctor", "--json").stdout)
    assert facts["packages"]["torch"]
    assert facts["layover"] == __version__
    assert facts["device"] in {"cpu", "cuda", "mps"}
    assert facts["memory_bytes"] > facts["memory_free_bytes"] > 0
    assert {"fp32", "bf16"} <= set(facts["precisions"].split(", "))


def test_doctor_tells_what_a_card_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    card = DeviceFacts("cuda", "Tesla T4", 2, "2.13.0+cu128", (7, 5), 16 * 2**30, 15 * 2**30, cuda="12.8")
    monkeypatch.setattr("layover.devices.examine", lambda: card)
    facts = examine(Path())
    assert {name: facts[name] for name in ("device", "gpu", "gpus", "compute_capability", "torch_cuda")} == {
        "device": "cuda",
        "gpu": "Tesla T4",
        "gpus": 2,
        "compute_capability": "7.5",
        "torch_cuda": "12.8",
    }
    assert (facts["gpu_memory_bytes"], facts["gpu_memory_free_bytes"]) == (16 * 2**30, 15 * 2**30)
    assert facts["precisions"] == "fp32, bf16, nf4, int8"
    assert "torch emulates it" in facts["note"]
    reason = "there is a GPU of NVIDIA (/dev/nvidia0), but torch 2.13.0+cpu is a CPU build"
    monkeypatch.setattr("layover.devices.examine", lambda: DeviceFacts("cpu", "x", 1, "2.13.0+cpu", unusable=reason))
    facts = examine(Path())
    assert (facts["device"], facts["note"]) == ("cpu", reason)
    assert not {"gpu", "compute_capability", "torch_cuda"} & facts.keys()

    def busy() -> DeviceFacts:
        raise torch.AcceleratorError("CUDA error: all CUDA-capable devices are busy or unavailable\nadvice")

    monkeypatch.setattr("layover.devices.examine", busy)
    assert examine(Path())["device_error"] == "CUDA error: all CUDA-capable devices are busy or unavailable"


def test_xtreme_can_be_planned_without_a_network(tmp_path: Path) -> None:
    found = process("plan", str(ROOT / "recipes" / "xtreme.yaml"), "--json", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    plan = json.loads(found.stdout)
    # head has no intermediates: (4 methods x 9 + 1) x 9 targets x 2 models x 3 seeds
    assert plan["cells"] == 37 * 9 * 2 * 3
    kinds = {kind["kind"]: kind for kind in plan["kinds"]}
    assert kinds["train"]["unknown"] == 0, "the published sizes of all training data are known"
    assert kinds["train"]["flops"] > 1e18
    assert plan["peak_bytes"] > 5e9
    assert any("provisional" in note for note in plan["notes"])
    refused = process("run", str(ROOT / "recipes" / "xtreme.yaml"), cwd=tmp_path)
    assert refused.returncode == 2
    assert "HF_HUB_OFFLINE is set" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_gc_removes_nothing_while_keys_are_provisional(tmp_path: Path) -> None:
    Store(tmp_path / "store")
    found = process("gc", str(ROOT / "recipes" / "xtreme.yaml"), "--yes", cwd=tmp_path)
    assert found.returncode == 2
    assert "not resolved" in found.stderr


def test_a_path_that_cannot_be_used_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    for arguments in (("sandbox", "export"), ("sandbox", "write")):
        found = layover(*arguments, str(tmp_path / "file" / "new"))
        assert found.returncode == 2
        assert str(tmp_path / "file") in found.stderr
        assert "Not a directory" in found.stderr
        assert "Traceback" not in found.stderr


def test_few_steps_at_a_default_rate_are_told_before_and_after_the_data_are_counted(tmp_path: Path) -> None:
    """Nobody says how many rows a file of one's own has: it is counted when it is tokenized."""

    def notes(*overrides: str) -> list[str]:
        found = layover("plan", "recipes/own-data.yaml", "--store", str(tmp_path / "store"), *overrides, cwd=ROOT)
        assert found.returncode == 0, found.stderr
        return [line for line in found.stdout.splitlines() if line.startswith("note: methods.")]

    narrow = ("sweep.method=[head]", "sweep.intermediate=[none]", "sweep.seed=[1]", "train.epochs=1")
    default = "methods.head={module: none}"
    limited = notes(*narrow, default, "tasks.mood.limit={train: 16}")
    assert limited[0].startswith("note: methods.head: few steps (mood 2) at the default learning rate 0.001")
    assert not notes(*narrow, "tasks.mood.limit={train: 16}")
    ran = layover("run", "recipes/own-data.yaml", "--store", str(tmp_path / "store"), *narrow, default, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    rows = len((ROOT / "recipes/own-data/mood-train.jsonl").read_text(encoding="utf-8").splitlines())
    assert f"methods.head: few steps (mood {-(-rows // 8)}) at" in notes(*narrow, default)[0]
