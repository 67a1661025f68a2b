"""The arithmetic of float32 products inside Layover, whatever the program around it has set."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch
from tests.host import products_of_a_host

from layover.devices import DeviceFacts
from layover.encoder import computing, float32_products, precision, products
from layover.errors import ModelError

CPU = torch.device("cpu")
A100 = DeviceFacts("cuda", "A100", 1, "2.13", (8, 0), cuda="12.8")

HOSTS = [
    lambda: None,
    lambda: torch.set_float32_matmul_precision("high"),
    lambda: torch.set_float32_matmul_precision("medium"),
    lambda: setattr(torch.backends.cuda.matmul, "allow_tf32", True),
    # the newer settings, after which torch refuses to read the older one
    lambda: setattr(torch.backends.cuda.matmul, "fp32_precision", "tf32"),
    lambda: setattr(torch.backends.mkldnn.matmul, "fp32_precision", "bf16"),  # type: ignore[attr-defined]
    lambda: setattr(torch.backends, "fp32_precision", "tf32"),
]


@pytest.fixture(autouse=True)
def host() -> Iterator[None]:
    """Give the settings back that a test sets in place of a host."""
    with products_of_a_host():
        yield


def settings() -> list[str]:
    """Return all settings of torch that decide products of float32, or that torch refuses to read them."""
    values = []
    for read in (
        torch.get_float32_matmul_precision,
        lambda: str(torch.backends.cuda.matmul.allow_tf32),
        lambda: torch.backends.cuda.matmul.fp32_precision,
        lambda: torch.backends.mkldnn.matmul.fp32_precision,  # type: ignore[attr-defined]
        lambda: torch.backends.mkldnn.fp32_precision,
        lambda: torch.backends.cudnn.fp32_precision,
    ):
        try:
            values.append(read())
        except RuntimeError as error:
            values.append(str(error)[:60])
    return values


@pytest.mark.parametrize("host", HOSTS, indirect=False)
@pytest.mark.parametrize("named", ["fp32", "bf16", "nf4", "int8"])
def test_products_are_exact_inside_and_the_host_gets_its_settings_back(host: object, named: str) -> None:
    assert callable(host)
    host()
    before = settings()
    with computing(named, CPU):  # type: ignore[arg-type]
        assert settings()[:4] == ["highest", "False", "ieee", "ieee"]
        with computing(named, CPU):  # type: ignore[arg-type]
            assert settings()[:4] == ["highest", "False", "ieee", "ieee"]
        assert settings()[:4] == ["highest", "False", "ieee", "ieee"]
    assert settings() == before


def test_a_later_setting_of_the_host_for_all_libraries_still_reaches_products() -> None:
    with float32_products():
        pass
    torch.backends.fp32_precision = "tf32"
    assert torch.backends.cuda.matmul.fp32_precision == "tf32"


def test_an_inner_block_returns_to_the_outer_one_and_an_error_restores_too() -> None:
    before = settings()
    with float32_products("high"):
        with float32_products():
            assert torch.get_float32_matmul_precision() == "highest"
        assert settings()[:4] == ["high", "True", "tf32", "tf32"]
    assert settings() == before
    with pytest.raises(ValueError, match="inside"), float32_products("high"):
        raise ValueError("inside")
    assert settings() == before


def test_threads_compute_at_the_same_time_in_one_setting_only() -> None:
    torch.set_float32_matmul_precision("medium")
    same, others, leave = threading.Event(), threading.Event(), threading.Event()
    seen: list[str] = []

    def compute(setting: products.Products, entered: threading.Event) -> None:
        with float32_products(setting):
            seen.append(torch.get_float32_matmul_precision())
            entered.set()
            leave.wait(10)

    threads = [threading.Thread(target=compute, args=arguments) for arguments in (("highest", same), ("high", others))]
    with float32_products():
        for thread in threads:
            thread.start()
        assert same.wait(10)
        assert not others.wait(0.1), "it waits for the end of these blocks"
        with pytest.raises(ModelError, match="another thread computes in another precision"), float32_products("high"):
            pass
        assert torch.get_float32_matmul_precision() == "highest"
    assert torch.get_float32_matmul_precision() == "highest", "the other thread is still inside"
    leave.set()
    for thread in threads:
        thread.join()
    assert seen == ["highest", "high"]
    assert torch.get_float32_matmul_precision() == "medium"


@pytest.mark.parametrize(
    ("named", "error", "message"),
    [
        ("fp32", 3e-7, None),
        ("fp32", 2e-3, "precision fp32: this CPU does not compute in float32, the relative error of products is 0.002"),
        ("bf16", 2e-3, "precision bf16: this CPU does not compute in float32"),
        ("fp32", 2.5e-4, "DNNL_DEFAULT_FPMATH_MODE"),
    ],
)
def test_a_machine_with_other_products_is_refused(
    monkeypatch: pytest.MonkeyPatch, named: str, error: float, message: str | None
) -> None:
    monkeypatch.setattr(precision, "_product_error", lambda device, setting: error)  # noqa: ARG005
    before = settings()
    if message is None:
        with computing(named, CPU):  # type: ignore[arg-type]
            pass
    else:
        with pytest.raises(ModelError) as refused, computing(named, CPU):  # type: ignore[arg-type]
            raise AssertionError("the block does not begin")
        assert message in str(refused.value)
    assert settings() == before


@pytest.mark.parametrize(
    ("named", "error", "message"),
    [
        ("tf32", 2.5e-4, None),
        ("tf32", 5e-4, None),
        ("tf32", 3e-7, "precision tf32: cuda computes products in float32 (their relative error is 3e-07)"),
        ("tf32", 3e-3, "precision tf32: cuda does not compute in TF32, the relative error of products is 0.003"),
        ("fp32", 6e-7, None),
        ("fp32", 2e-4, "precision fp32: cuda does not compute in float32, the relative error of products is 0.0002"),
        ("fp32-onednn", 3e-7, "precision fp32-onednn: it works on CPUs only"),
    ],
)
def test_products_of_a_gpu_are_measured(
    monkeypatch: pytest.MonkeyPatch, named: str, error: float, message: str | None
) -> None:
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)
    monkeypatch.setattr(precision, "examine", lambda kind: A100)  # noqa: ARG005
    asked: list[tuple[torch.device, str, str]] = []

    def product_error(device: torch.device, setting: str) -> float:
        asked.append((device, setting, torch.get_float32_matmul_precision()))
        return error

    monkeypatch.setattr(precision, "_product_error", product_error)
    device, setting = torch.device("cuda"), "high" if named == "tf32" else "highest"
    if message is None:
        with computing(named, device):  # type: ignore[arg-type]
            assert settings()[:3] == (["high", "True", "tf32"] if named == "tf32" else ["highest", "False", "ieee"])
        assert asked == [(device, setting, setting)]
    else:
        with pytest.raises(ModelError) as refused, computing(named, device):  # type: ignore[arg-type]
            raise AssertionError("the block does not begin")
        assert message in str(refused.value)


def test_tf32_is_refused_on_a_cpu_and_below_8(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = pytest.raises(ModelError, match=r"precision tf32: it needs a GPU .* but the device is cpu; use fp32")
    with refused, computing("tf32", CPU):
        raise AssertionError("the block does not begin")
    older = DeviceFacts("cuda", "Tesla T4", 1, "2.13", (7, 5), cuda="12.8")
    monkeypatch.setattr(precision, "examine", lambda kind: older)  # noqa: ARG005
    refused = pytest.raises(ModelError, match=r"precision tf32: .* but Tesla T4 has 7\.5")
    with refused, computing("tf32", torch.device("cuda")):
        raise AssertionError("the block does not begin")


def test_the_error_of_products_is_that_of_the_arithmetic() -> None:
    precision._product_error.cache_clear()
    with float32_products():
        assert 1e-8 < precision._product_error(CPU, "highest") < 1e-6
    left, right = torch.randn(64, 768), torch.randn(768, 768)
    exact = left.double() @ right.double()
    rounded = [(value.view(torch.int32) + 0x1000 & ~0x1FFF).view(torch.float32) for value in (left, right)]
    cut = [(value.view(torch.int32) & ~0x1FFF).view(torch.float32) for value in (left, right)]
    halved = [value.bfloat16().float() for value in (left, right)]
    errors = [float(((a.double() @ b.double()) - exact).norm() / exact.norm()) for a, b in (rounded, cut, halved)]
    least, most = precision.TF32_ERRORS
    assert all(least * 10 < error < most / 1.5 for error in errors[:2]), errors
    assert errors[2] > most
