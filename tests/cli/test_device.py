"""A device that a recipe names and this machine does not have: noted by check and plan, refused by run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from layover.cli import device
from layover.cli.commands import run
from layover.cli.main import main
from layover.errors import LayoverError
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
    monkeypatch.setattr(device, "_gpu_seen", lambda: True)
    assert device.unseen(load(recipe)) == []
    monkeypatch.setattr(device, "_gpu_seen", lambda: False)
    assert len(device.unseen(load(recipe))) == 1
    assert device.unseen(load(recipe, ["run.device=cpu"])) == []
    on_mac = device.unseen(load(recipe, ["run.device=mps"]))
    assert bool(on_mac) == (sys.platform != "darwin")


@without_gpu
def test_run_refuses_before_its_first_node(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    assert layover(monkeypatch, "run", str(recipe), "--store", str(store)) == 2
    told = capsys.readouterr()
    assert (
        f"{recipe}:10: run.device: cuda: torch {torch.__version__} does not find this device on this machine"
        in told.err
    )
    assert "use run.device=cpu or run.device=auto here" in told.err
    assert "Traceback" not in told.err
    assert told.out == ""
    assert not list(store.glob("*/*/done.json"))


@without_gpu
def test_only_named_devices_are_required(recipe: Path) -> None:
    for name in ("auto", "cpu"):
        device.require(load(recipe, [f"run.device={name}"]))
    with pytest.raises(LayoverError, match="does not find this device"):
        device.require(load(recipe))
    assert run.require is device.require
