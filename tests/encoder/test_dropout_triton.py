"""The fused kernel against the masks of torch: its program in Triton's interpreter, and its compilation for GPUs."""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.encoder.conftest import make_model
from tests.encoder.test_known_masks import CASES, POSITIONS, ROW_OF, ROWS, SHAPES, Case, digest, dropped, pattern
from tests.thorough import count
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from layover.encoder import DropoutClock, Encoder, RowDropout, dropout

pytest.importorskip("triton", reason="Triton is there on Linux with x86-64 only")

EXAMPLES = count(12, 100)
"""Drawn cases; the interpreter takes some tenths of a second for each."""


def interpreted() -> ModuleType:
    """Return a copy of the kernel's module whose programs Triton interprets with numpy, on tensors of the CPU."""
    place = Path(dropout.__file__).with_name("dropout_triton.py")
    spec = importlib.util.spec_from_file_location("interpreted_dropout_triton", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_INTERPRET", "1")
        spec.loader.exec_module(module)
    return module


KERNEL = interpreted()


@pytest.fixture
def fused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every dropout run through the interpreted kernel."""
    monkeypatch.setitem(sys.modules, "layover.encoder.dropout_triton", KERNEL)
    monkeypatch.setattr(dropout, "_is_fused", lambda *_: True)


def bits(values: Tensor) -> Tensor:
    return values.detach().contiguous().view(KERNEL.TYPES[values.dtype])


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.usefixtures("fused")
def test_the_kernel_gives_the_masks_of_earlier_versions(case: Case) -> None:
    hidden = pattern((*SHAPES[case.layout], case.width), case.dtype).requires_grad_()
    result = dropped(case, hidden)
    assert type(result.grad_fn).__name__ == "_FusedBackward"
    assert digest(result) == case.sha256
    (gradient,) = torch.autograd.grad(result, hidden, pattern(tuple(hidden.shape), case.dtype))
    assert digest(gradient) == case.sha256


words = st.integers(-(1 << 63), (1 << 63) - 1)


@given(
    layout=st.sampled_from(["packed", "padded", "pooled"]),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
    counts=st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 300)),
    p=st.floats(0.0001, 0.9999),
    moment=st.tuples(words, words, st.integers(0, 1 << 20), st.integers(0, 5)),
    data=st.data(),
)
@settings(max_examples=EXAMPLES, deadline=None)
def test_kernel_and_torch_are_equal_bit_by_bit(
    layout: str,
    dtype: torch.dtype,
    counts: tuple[int, int, int],
    p: float,
    moment: tuple[int, int, int, int],
    data: Any,
) -> None:
    (batch, length, width), (seed, step, salt, draw) = counts, moment
    rows = torch.tensor(data.draw(st.lists(words, min_size=batch, max_size=batch)))
    tokens = batch * length
    lead = {"packed": (1, tokens), "padded": (batch, length), "pooled": (batch,)}[layout]
    generator = torch.Generator().manual_seed(tokens * width)
    hidden = (torch.randn(*lead, width, generator=generator) * 10.0 ** data.draw(st.integers(-38, 38))).to(dtype)
    slope = torch.randn(*lead, width, generator=generator).to(dtype)
    clock = DropoutClock(seed)
    clock.set(step, rows, draw)
    if layout == "packed":
        row = torch.randint(batch, (tokens,), generator=generator)
        clock.packed = (batch, row, torch.randint(1 << 20, (tokens,), generator=generator))
    part = RowDropout(p, clock, salt).train()
    results = []
    for is_fused in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "layover.encoder.dropout_triton", KERNEL)
            patch.setattr(dropout, "_is_fused", lambda *_, answer=is_fused: answer)
            leaf = hidden.clone().requires_grad_()
            result = part(leaf)
            results.append((result, *torch.autograd.grad(result, leaf, slope)))
    for torchs, kernels in zip(*results, strict=True):
        assert torch.equal(bits(torchs), bits(kernels))


@pytest.mark.usefixtures("fused")
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_values_that_are_not_numbers_stay_where_they_are_kept() -> None:
    for dtype in KERNEL.TYPES:
        hidden = torch.tensor([torch.nan, torch.inf, -torch.inf, 3.3895e38, -0.0], dtype=dtype).repeat(5, 60)
        case = Case("pooled", 300, dtype, 0.5, 1, 2, 3, 0, "")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dropout, "_is_fused", lambda *_: False)
            expected = dropped(case, hidden)
        result = dropped(case, hidden)
        assert torch.equal(result.isnan(), expected.isnan())
        assert torch.equal(bits(result.nan_to_num(7.0)), bits(expected.nan_to_num(7.0)))
        assert 100 < int((result == 0).sum()) < 1400


@pytest.mark.usefixtures("fused")
def test_half_way_between_two_values_bfloat16_becomes_the_even_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # with this p, one of the 128 significands is scaled to a value half way above an even one
    hidden = (1 + torch.arange(128) / 128).bfloat16().repeat(5, 2)
    case = Case("pooled", 256, torch.bfloat16, 25335 / 65536, 1, 2, 3, 0, "")
    result = dropped(case, hidden)
    monkeypatch.setattr(dropout, "_is_fused", lambda *_: False)
    assert torch.equal(bits(result), bits(dropped(case, hidden)))


@pytest.mark.usefixtures("fused")
def test_a_view_and_an_expanded_gradient() -> None:
    case = Case("pooled", 7, torch.float32, 0.5, 1, 2, 3, 0, "")
    grid = torch.arange(1.0, 5 * 3 * 7 + 1).view(5, 3, 7).requires_grad_()
    result = dropped(case, grid[:, 1])
    assert torch.equal(result, dropped(case, grid[:, 1].contiguous()))
    result.sum().backward()
    assert grid.grad is not None
    assert torch.equal(grid.grad[:, 1], dropped(case, torch.ones(5, 7)))


@pytest.mark.usefixtures("fused")
def test_a_gradient_has_a_gradient() -> None:
    case = Case("pooled", 7, torch.float32, 0.5, 1, 2, 3, 0, "")
    leaf = (torch.arange(35.0) + 1).view(5, 7).requires_grad_()
    (gradient,) = torch.autograd.grad(dropped(case, leaf).pow(3).sum(), leaf, create_graph=True)
    gradient.sum().backward()
    assert leaf.grad is not None
    assert torch.allclose(leaf.grad, 6 * leaf.detach() * dropped(case, torch.ones(5, 7)) ** 3)


class Dispatched(TorchDispatchMode):
    """Counts the operators of torch."""

    def __init__(self) -> None:
        super().__init__()
        self.operators: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operators[str(func)] += 1
        return func(*args, **(kwargs or {}))


def kept(hidden: Tensor) -> list[Tensor]:
    """Return the tensors that a packed dropout keeps for its gradient."""
    saved: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: saved.append(tensor) or tensor, lambda tensor: tensor):
        dropped(CASES[0], hidden)
    return saved


def test_torch_keeps_a_byte_per_number_and_the_kernel_keeps_no_mask(request: pytest.FixtureRequest) -> None:
    hidden = pattern((1, 12, 64), torch.float32).requires_grad_()
    assert [(tensor.dtype, tensor.numel()) for tensor in kept(hidden)] == [(torch.int8, 12 * 64)]
    request.getfixturevalue("fused")
    assert {id(tensor) for tensor in kept(hidden)} == {id(ROWS), id(ROW_OF), id(POSITIONS)}


@pytest.mark.usefixtures("fused")
def test_a_dropout_is_one_kernel_beside_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    launched = []
    monkeypatch.setattr(KERNEL, "_dropout", Counting(launched))
    hidden = pattern((1, 12, 64), torch.float32)
    with Dispatched() as mode:
        dropped(CASES[0], hidden)
    assert len(launched) == 1
    assert set(mode.operators) <= {"aten.empty_like.default", "aten.view.dtype", "aten.detach.default"}


class Counting:
    """A kernel that only counts its launches."""

    def __init__(self, launched: list[tuple[int, int]]) -> None:
        self._launched = launched

    def __getitem__(self, grid: tuple[int, int]) -> Any:
        return lambda *_, **__: self._launched.append(grid)


@pytest.mark.usefixtures("fused")
def test_an_encoder_has_the_same_loss_and_gradient_with_the_kernel(
    padded: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, lengths = padded

    def gradient(*, is_fused: bool, again: bool) -> Tensor:
        monkeypatch.setattr(dropout, "_is_fused", lambda *_: is_fused)
        encoder = Encoder.from_model(make_model(num_hidden_layers=2), clock=DropoutClock(1), dropout=0.3)
        encoder.model.requires_grad_()
        encoder.gradient_checkpointing(again)
        encoder.train().clock.set(3, torch.tensor([5, 9, 2]))
        perturbation = torch.zeros(3, 17, encoder.hidden_size, requires_grad=True)
        encoder(ids, lengths, first=True, perturbation=perturbation).square().sum().backward()
        assert perturbation.grad is not None
        return perturbation.grad

    expected = gradient(is_fused=False, again=False)
    assert float(expected.abs().max()) > 0
    for again in (False, True):
        assert torch.equal(gradient(is_fused=True, again=again), expected)


def test_without_a_gpu_or_triton_torch_computes_the_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    dropout._is_fused.cache_clear()
    assert not dropout._is_fused(torch.device("cpu"), torch.float32)
    monkeypatch.setattr(dropout, "find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "layover.encoder.dropout_triton", None)
    assert not dropout._is_fused(torch.device("cuda", 0), torch.float32)
    dropout._is_fused.cache_clear()


def test_a_kernel_that_does_not_run_or_is_wrong_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*grid: object) -> object:
        raise RuntimeError("no C compiler")

    device = torch.device("cpu")
    KERNEL.runs.cache_clear()
    assert KERNEL.runs(device, torch.float32)
    for reason, place, wrong in (
        ("RuntimeError: no C compiler", "_launched", failing),
        ("its masks differ from those of torch", "dropped", lambda hidden, *_: hidden),
    ):
        KERNEL.runs.cache_clear()
        with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
            patch.setattr(KERNEL, place, wrong)
            assert not KERNEL.runs(device, torch.float32)
            assert not KERNEL.runs(device, torch.float32)
        assert caplog.text.count(reason) == 1, caplog.text
    KERNEL.runs.cache_clear()

    def full(*grid: object) -> object:
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(KERNEL, "_launched", full)
    with pytest.raises(torch.OutOfMemoryError):
        KERNEL.runs(device, torch.float32)


COMPILE = """
import sys
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from layover.encoder import dropout_triton

bits = sys.argv[1]
names = ("result", "hidden", "rows", "row", "positions", "base", "cut", "scale", "tokens", "width", "length")
types = (bits, bits, "*i64", "*i64", "*i64", "i32", "i32", "fp32", "i32", "i32", "i32")
constants = {"LAYOUT": "packed", "HALF": bits == "*i16", "TOKENS": 8, "FEATURES": 256}
signature = dict(zip(names, types)) | dict.fromkeys(constants, "constexpr")
aligned = {(number,): [["tt.divisibility", 16]] for number in (0, 1, 2, 3, 4, 9)}
source = ASTSource(dropout_triton._dropout, signature, constants, aligned)
compiled = triton.compile(source, target=GPUTarget("cuda", 80, 32), options={"sanitize_overflow": False})
assert compiled.asm["cubin"]
print(compiled.asm["ptx"])
"""


@pytest.mark.parametrize("bits_of", ["*i32", "*i16"], ids=["fp32", "bf16"])
def test_the_kernel_compiles_for_gpus_that_are_not_there(bits_of: str, tmp_path: Path) -> None:
    # in a process of its own: some versions of Triton compile nothing after they have interpreted a program
    environment = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", COMPILE, bits_of]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "ld.global.v4" in done.stdout, "neighbours are read and written together"
