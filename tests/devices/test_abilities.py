"""What cards can do: precisions and fused attention, by compute capability."""

from __future__ import annotations

from dataclasses import replace

import pytest

from layover.devices import DeviceFacts, fuses_attention, refuses, slow, usable_precisions

CPU = DeviceFacts("cpu", "a CPU", 1, "2.13")
MPS = DeviceFacts("mps", "GPU of Apple", 1, "2.13")
T4 = DeviceFacts("cuda", "Tesla T4", 1, "2.13", (7, 5), cuda="12.8")
A100 = DeviceFacts("cuda", "A100", 1, "2.13", (8, 0), cuda="12.8")
MI300 = DeviceFacts("cuda", "MI300X", 1, "2.13", None, hip="7.1")
EVERYWHERE = ("fp32", "bf16", "nf4", "int8")


@pytest.mark.parametrize(
    ("device", "more"),
    [(CPU, {"fp32-onednn"}), (MPS, set()), (T4, set()), (MI300, set()), (A100, {"tf32"}),
     (replace(A100, capability=(12, 0)), {"tf32"})],
)  # fmt: skip
def test_precisions_of_a_device(monkeypatch: pytest.MonkeyPatch, device: DeviceFacts, more: set[str]) -> None:
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)
    assert set(usable_precisions(device)) == {*EVERYWHERE, *more}


@pytest.mark.parametrize(
    ("device", "reason"),
    [
        (CPU, "compute capability 8.0 or more, but the device is cpu; use fp32"),
        (MPS, "but the device is mps; use fp32"),
        (T4, "but Tesla T4 has 7.5; use fp32"),
        (MI300, "but the device is MI300X"),
    ],
)
def test_tf32_is_refused_with_its_reason(device: DeviceFacts, reason: str) -> None:
    assert reason in refuses("tf32", device)


def test_tf32_is_refused_where_the_environment_switches_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    assert refuses("tf32", A100).startswith("NVIDIA_TF32_OVERRIDE=0 switches it off")
    assert not refuses("fp32", A100)
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    assert not refuses("tf32", A100)


def test_bfloat16_is_slow_below_8() -> None:
    for precision in ("bf16", "nf4", "int8"):
        assert f"{precision} on Tesla T4: compute capability 7.5 has no bfloat16 units" in slow(precision, T4)
        assert not slow(precision, A100)
        assert not slow(precision, CPU)
    assert not slow("fp32", T4)


@pytest.mark.parametrize(
    ("kind", "capability", "precision", "head_size", "trains", "fused"),
    [
        ("cuda", (7, 5), "bf16", 64, True, False),
        ("cuda", (7, 5), "bf16", 64, False, False),
        ("cuda", (7, 0), "int8", 64, True, False),
        ("cuda", (7, 5), "fp32", 64, True, True),
        ("cuda", (7, 5), "fp32", 25, True, True),
        ("cuda", (5, 2), "fp32", 64, True, True),
        ("cuda", (8, 0), "bf16", 64, True, True),
        ("cuda", (8, 0), "bf16", 20, True, False),
        ("cuda", (8, 0), "fp32", 20, True, True),
        ("cuda", (8, 0), "tf32", 26, True, False),
        ("cuda", None, "bf16", 64, True, True),
        ("mps", None, "fp32", 64, True, False),
        ("mps", None, "fp32", 64, False, True),
        ("cpu", None, "bf16", 64, True, False),
        ("cpu", None, "bf16", 64, False, True),
        ("cpu", None, "fp32", 64, True, True),
    ],
)
def test_where_attention_is_fused(
    kind: str, capability: tuple[int, int] | None, precision: str, head_size: int, trains: bool, fused: bool
) -> None:
    assert fuses_attention(kind, capability, precision, head_size, trains=trains) is fused  # type: ignore[arg-type]
