"""A device that a recipe names and this machine does not have: noted by check and plan, refused by run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import cast

import pytest
import torch

from layover.cli import device
from layover.cli.main import main
from layover.devices import DeviceFacts, GpuTrace, device_of
from layover.devices.cards import TorchBuild
from layover.engine.device import examined
from layover.errors import LayoverError, ModelError, NodeError
from layover.execution import Execution
from layover.recipe import load

RECIPE = """\
schema: 1
name: device
models: {mini: {name: sandbox/mini}}
methods: {lora: {module: lora}}
train: {epochs: 1, max_length: 32}
tasks: {sandbox/nli: {limit: {train: 8, validation: 4, test: 2}}}
sweep: {model: [mini], method: [lora], target: [sandbox/nli]}
eval: {languages: [en]}
run:
  device: cuda
"""

without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def layover(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    """Return the exit code of a call."""
    monkeypatch.setattr(sys, "argv", ["layover", *arguments])
    try:
        main()
    except SystemExit as end:
        return end.code or 0
    return 0


def test_check_and_plan_note_a_gpu_that_is_not_seen(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    told = f"note: {recipe}:10: run.device: cuda: this machine has no visible GPU; a run needs a GPU"
    for arguments in (("check", str(recipe)), ("plan", str(recipe), "--store", str(tmp_path / "store"))):
        assert layover(monkeypatch, *arguments) == 0
        assert told in capsys.readouterr().out.splitlines()
        assert layover(monkeypatch, *arguments, "run.device=auto") == 0
        assert "run.device" not in capsys.readouterr().out


def test_a_gpu_that_is_seen_is_not_noted(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = GpuTrace("NVIDIA", "/dev/nvidia1")
    monkeypatch.setattr(device, "seen_card", lambda: card)
    monkeypatch.setattr(device, "torch_build", lambda: TorchBuild("2.13.0+cu130", "13.0", None))
    assert device.unseen(load(recipe)) == []
    assert device.unseen(load(recipe, ["run.device=cpu"])) == []
    on_mac = device.unseen(load(recipe, ["run.device=mps"]))
    assert bool(on_mac) == (sys.platform != "darwin")
    monkeypatch.setattr(device, "torch_build", lambda: TorchBuild("2.13.0+cpu", None, None))
    (note,) = device.unseen(load(recipe))
    assert "torch 2.13.0+cpu is not built for a GPU of NVIDIA (/dev/nvidia1); a run needs a GPU" in note
    monkeypatch.setattr(device, "seen_card", lambda: None)
    assert len(device.unseen(load(recipe))) == 1


@without_gpu
@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_run_refuses_before_its_first_node(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    store = tmp_path / "store"
    given = [] if name == "cuda" else [f"run.device={name}"]
    assert layover(monkeypatch, "run", str(recipe), *given, "--store", str(store)) == 2
    told = capsys.readouterr()
    where = f"{recipe}:10" if name == "cuda" else f"command line ({given[0]})"
    assert f"{where}: run.device: {name} is not available here: " in told.err
    assert f"torch {torch.__version__}" in told.err
    assert "usable: cpu" in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""
    assert not list(store.glob("*/*/done.json"))


T4 = DeviceFacts("cuda", "Tesla T4", 1, "2.13", (7, 5), cuda="12.8")
A100 = DeviceFacts("cuda", "A100", 1, "2.13", (8, 0), cuda="12.8")


def pretend(monkeypatch: pytest.MonkeyPatch, facts: DeviceFacts) -> None:
    monkeypatch.setattr("layover.engine.device.examined", lambda wanted: facts)  # noqa: ARG005


def test_a_precision_that_the_device_lacks_is_refused_where_it_stands(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, T4)
    text = recipe.read_text(encoding="utf-8").replace("{module: lora}", "{module: lora, precision: tf32}")
    recipe.write_text(text, encoding="utf-8")
    with pytest.raises(LayoverError) as refused:
        device.device_for(load(recipe))
    needed = "tf32: it needs a GPU of NVIDIA with compute capability 8.0 or more"
    assert str(refused.value) == f"{recipe}:4: methods.lora.precision: {needed}, but Tesla T4 has 7.5; use fp32"
    with pytest.raises(LayoverError, match=r"methods\.lora\.precision: tf32: .* but the device is cpu; use fp32"):
        device.device_for(load(recipe, ["run.device=cpu"]))
    (note,) = device.unseen(load(recipe, ["run.device=cpu"]))
    assert "but the device is cpu" in note
    pretend(monkeypatch, A100)
    assert device.device_for(load(recipe)) == A100
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    with pytest.raises(LayoverError, match="NVIDIA_TF32_OVERRIDE=0 switches it off"):
        device.device_for(load(recipe))
    with pytest.raises(LayoverError, match=r"train\.precision: fp32-onednn: it works on CPUs only"):
        device.device_for(load(recipe, ["methods.lora.precision=null", "train.precision=fp32-onednn"]))


def test_a_run_notes_a_slow_precision_a_shared_gpu_and_one_that_is_not_used(recipe: Path) -> None:
    execution = Execution(device="cuda")
    halved = load(recipe, ["train.precision=bf16"])
    (slow,) = device.notes_on(halved, T4, execution, 1)
    assert slow.startswith("bf16 on Tesla T4: compute capability 7.5 has no bfloat16 units")
    assert device.notes_on(halved, A100, execution, 1) == []
    (shared,) = device.notes_on(load(recipe), A100, execution, 2)
    assert shared == "2 processes share cuda (A100, compute capability 8.0); set run.memory to the share of each"
    unused = DeviceFacts("cpu", "a CPU", 1, "2.13", unusable="there is a GPU, but torch is a CPU build")
    on_cpu = Execution(device="cpu")
    assert device.notes_on(load(recipe, ["run.device=auto"]), unused, on_cpu, 2) == [
        "the run uses the CPU: there is a GPU, but torch is a CPU build"
    ]
    assert device.notes_on(load(recipe, ["run.device=cpu"]), unused, on_cpu, 2) == []


def test_a_run_plans_with_the_device_that_torch_finds(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One process for one card, whatever /dev shows, and its workers get this device."""
    pretend(monkeypatch, A100)
    given: list[tuple[str, int]] = []

    class Engine:
        def __init__(self, store: object, execution: Execution, workers: int, threads: int, report: object) -> None:  # noqa: ARG002
            given.append((execution.device, workers))
            raise LayoverError("enough")

    monkeypatch.setattr("layover.cli.sweep.LocalEngine", Engine)
    arguments = ("run", str(recipe), "run.device=auto", "--store", str(tmp_path / "store"))
    assert layover(monkeypatch, *arguments) == 2
    assert "1 processes with" in "".join(capsys.readouterr())
    assert given == [("cuda", 1)]


@without_gpu
def test_a_process_of_the_fork_server_asks_torch() -> None:
    """It has its own environment and torch; what it finds and what it refuses arrives here."""
    facts = examined("auto")
    assert (facts.kind, facts.torch) == (device_of("auto"), torch.__version__)
    with pytest.raises(ModelError, match=r"^run\.device: cuda is not available here: .* usable: "):
        examined("cuda")
    with pytest.raises(NodeError, match="ended with exit code 3"):
        examined(cast("str", Ends()))


class Ends:
    """A value whose arrival ends a process."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (3,)
