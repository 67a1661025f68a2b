"""The device that torch finds, with a pretended card: the choice, the reasons against one, and its facts."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from layover.devices import GpuTrace, device_of, examine, facts, why_unusable
from layover.errors import ModelError

NVIDIA = GpuTrace("NVIDIA", "/dev/nvidia0")


@dataclass
class Pretended:
    """What torch says about cards."""

    capability: tuple[int, int] = (8, 6)
    kernels: tuple[str, ...] = ("sm_75", "sm_80", "sm_86", "sm_90", "compute_90")


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> Pretended:
    """Two cards with a driver, for a torch that was built for CUDA."""
    card = Pretended()
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.version, "hip", None)
    for name, value in {
        "is_available": lambda: True,
        "device_count": lambda: 2,
        "current_device": lambda: 0,
        "get_arch_list": lambda: list(card.kernels),
        "get_device_capability": lambda place=None: card.capability,  # noqa: ARG005
        "get_device_name": lambda place=None: "Pretended 1",  # noqa: ARG005
        "mem_get_info": lambda place=None: (5 * 2**30, 8 * 2**30),  # noqa: ARG005
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    return card


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """No device but the CPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("pretended")
def test_the_facts_of_a_card() -> None:
    device = examine()
    assert (device.kind, device.name, device.count, device.capability) == ("cuda", "Pretended 1", 2, (8, 6))
    assert (device.free_bytes, device.total_bytes, device.cuda, device.hip) == (5 * 2**30, 8 * 2**30, "13.0", None)
    assert device.shown == "cuda (Pretended 1, compute capability 8.6)"
    assert examine("cpu").kind == "cpu"


@pytest.mark.usefixtures("pretended")
def test_a_card_of_amd_has_no_compute_capability(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", "7.1")
    device = examine("cuda")
    assert (device.kind, device.capability, device.hip) == ("cuda", None, "7.1")


@pytest.mark.parametrize(
    ("capability", "usable"),
    [((8, 6), True), ((8, 9), True), ((9, 0), True), ((12, 0), True), ((7, 5), True), ((7, 0), False), ((6, 1), False)],
)
def test_a_card_needs_kernels_in_the_build(
    pretended: Pretended, monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], usable: bool
) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    pretended.capability = capability
    assert device_of("auto") == ("cuda" if usable else "cpu")
    if usable:
        assert why_unusable("cuda") == ""
    else:
        with pytest.raises(ModelError, match=rf"no kernels for Pretended 1, compute capability {capability[0]}\.") as e:
            device_of("cuda")
        assert "sm_75, sm_80" in str(e.value)
        assert "usable: cpu" in str(e.value)


def test_a_build_without_code_for_newer_cards_lacks_them() -> None:
    assert not facts.has_kernels((12, 0), ["sm_80", "sm_90a"])
    assert facts.has_kernels((12, 0), ["sm_80", "compute_90"])
    assert not facts.has_kernels((8, 0), ["sm_86"])


@pytest.mark.usefixtures("without")
@pytest.mark.parametrize(
    ("card", "cuda", "reason"),
    [
        (None, None, "does not find this device on this machine"),
        (None, "13.0", "does not find this device on this machine"),
        (NVIDIA, None, "there is a GPU of NVIDIA (/dev/nvidia0), but torch 9.9 is a CPU build; https://pytorch.org"),
        (NVIDIA, "13.0", "(built for 13.0) does not find it; the driver may be absent or too old"),
        (
            GpuTrace("AMD", "/dev/kfd", "HIP_VISIBLE_DEVICES=-1"),
            None,
            "HIP_VISIBLE_DEVICES=-1 hides a GPU of AMD (/dev/kfd)",
        ),
    ],
)
def test_the_reason_why_a_gpu_is_not_usable(
    monkeypatch: pytest.MonkeyPatch, card: GpuTrace | None, cuda: str | None, reason: str
) -> None:
    monkeypatch.setattr(facts, "seen_card", lambda: card)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch, "__version__", "9.9")
    with pytest.raises(ModelError, match=r"^run\.device: cuda is not available here: ") as error:
        examine("cuda")
    assert reason in str(error.value)
    assert device_of("auto") == "cpu"
    unusable = examine("auto").unusable
    assert (reason in unusable) if card is not None else unusable == ""


def test_other_devices_and_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device_of("auto") == "mps"
    with pytest.raises(ModelError, match=r"device: 'cdua' is not a device; did you mean 'cuda'"):
        device_of("cdua", where="device")


@pytest.mark.usefixtures("pretended")
def test_a_card_that_another_process_holds_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(_place: int | None = None) -> tuple[int, int]:
        raise RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable\nCompile with ...")

    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "get_device_capability", busy)
    with pytest.raises(ModelError) as error:
        device_of("cuda", "device")
    assert "cannot start its GPU: CUDA error: all CUDA-capable devices are busy or unavailable; another" in str(
        error.value
    )
    assert "Compile" not in str(error.value)
    assert device_of("auto") == "cpu"
