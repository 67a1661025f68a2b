"""Traces of a GPU: the files of drivers, the environment, and the build of torch, all without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from layover.devices import cards
from layover.devices.cards import GpuTrace, TorchBuild, likely_kind, seen_card, torch_build

BUILDS = {
    "cpu": TorchBuild("2.13.0+cpu", None, None),
    "cuda": TorchBuild("2.13.0+cu130", "13.0", None),
    "hip": TorchBuild("2.13.0+rocm7.1", None, "7.1.25424"),
}


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cards.shutil, "which", lambda name: None)  # noqa: ARG005
    monkeypatch.setattr(cards.sys, "platform", "linux")


def put(root: Path, *names: str) -> Path:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return root


@pytest.mark.parametrize(
    ("files", "maker", "trace"),
    [
        (["dev/nvidia0", "dev/nvidiactl"], "NVIDIA", "dev/nvidia0"),
        (["dev/nvidia3", "dev/nvidiactl"], "NVIDIA", "dev/nvidia3"),
        (["proc/driver/nvidia/gpus/0000:00:1e.0/information"], "NVIDIA", "proc/driver/nvidia/gpus/0000:00:1e.0"),
        (["dev/nvhost-gpu"], "NVIDIA", "dev/nvhost-gpu"),
        (["dev/kfd", "dev/dri/renderD128"], "AMD", "dev/kfd"),
        (["dev/dxg"], "Windows", "dev/dxg"),
    ],
)
def test_files_of_drivers_show_a_card(tmp_path: Path, files: list[str], maker: str, trace: str) -> None:
    card = seen_card(put(tmp_path, *files))
    assert card is not None
    assert (card.maker, card.trace, card.hidden_by) == (maker, str(tmp_path / trace), None)
    assert card.trace in card.shown


@pytest.mark.parametrize("files", [[], ["dev/nvidiactl", "dev/nvidia-uvm"], ["dev/dri/card0"]])
def test_a_driver_without_a_card_shows_none(tmp_path: Path, files: list[str]) -> None:
    assert seen_card(put(tmp_path, *files)) is None


def test_nvidia_smi_counts_if_no_file_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards.shutil, "which", {"nvidia-smi": "/usr/bin/nvidia-smi"}.get)
    assert seen_card(tmp_path) == GpuTrace("NVIDIA", "/usr/bin/nvidia-smi")


@pytest.mark.parametrize(
    ("file", "name", "value", "hidden"),
    [
        ("dev/nvidia0", "CUDA_VISIBLE_DEVICES", "", True),
        ("dev/nvidia0", "CUDA_VISIBLE_DEVICES", "-1", True),
        ("dev/nvidia0", "CUDA_VISIBLE_DEVICES", "-1,0", True),
        ("dev/nvidia0", "CUDA_VISIBLE_DEVICES", "NoDevFiles", True),
        ("dev/nvidia0", "CUDA_VISIBLE_DEVICES", "1", False),
        ("dev/nvidia0", "CUDA_VISIBLE_DEVICES", " 0,1", False),
        ("dev/nvidia0", "CUDA_VISIBLE_DEVICES", "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", False),
        ("dev/nvidia0", "CUDA_VISIBLE_DEVICES", "MIG-GPU-8932f937", False),
        ("dev/nvidia0", "HIP_VISIBLE_DEVICES", "", False),
        ("dev/kfd", "HIP_VISIBLE_DEVICES", "-1", True),
        ("dev/kfd", "ROCR_VISIBLE_DEVICES", "", True),
        ("dev/kfd", "CUDA_VISIBLE_DEVICES", "0", False),
    ],
)
def test_the_environment_hides_cards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, name: str, value: str, hidden: bool
) -> None:
    monkeypatch.setenv(name, value)
    card = seen_card(put(tmp_path, file))
    assert card is not None
    assert card.hidden_by == (f"{name}={value}" if hidden else None)
    monkeypatch.setattr(cards, "torch_build", lambda: TorchBuild("2.13", "13.0", "7.1"))
    assert likely_kind(tmp_path) == ("cpu" if hidden else "cuda")


@pytest.mark.parametrize(
    ("file", "build", "kind"),
    [
        ("dev/nvidia1", "cuda", "cuda"),
        ("dev/nvidia1", "cpu", "cpu"),
        ("dev/nvidia1", "hip", "cpu"),
        ("dev/kfd", "hip", "cuda"),
        ("dev/kfd", "cuda", "cpu"),
        ("dev/dxg", "cuda", "cuda"),
        ("dev/dxg", "cpu", "cpu"),
        ("dev/null", "cuda", "cpu"),
    ],
)
def test_the_build_of_torch_has_to_serve_the_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, build: str, kind: str
) -> None:
    monkeypatch.setattr(cards, "torch_build", lambda: BUILDS[build])
    assert likely_kind(put(tmp_path, file)) == kind


def test_a_mac_of_apple_is_likely_mps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards.sys, "platform", "darwin")
    monkeypatch.setattr(cards.platform, "machine", lambda: "arm64")
    assert likely_kind(tmp_path) == "mps"
    monkeypatch.setattr(cards.platform, "machine", lambda: "x86_64")
    assert likely_kind(tmp_path) == "cpu"


def test_the_build_of_torch_is_known_without_torch() -> None:
    import torch

    assert torch_build() == TorchBuild(str(torch.__version__), torch.version.cuda, torch.version.hip)
    code = "import sys; from layover.devices import likely_kind; likely_kind(); print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
