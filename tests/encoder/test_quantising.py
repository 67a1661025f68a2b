"""Frozen linear maps in 4 and 8 bits: close, the same in every mode, and never changed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

import pytest
import torch
from tests.fingerprint import fingerprint
from torch import Tensor, nn
from transformers import PreTrainedModel

from layover import modules
from layover.compositions import AttachedModule, Fold
from layover.compositions import get as composition
from layover.encoder import DropoutClock, Encoder, is_mixed
from layover.encoder.quantising import Quantised, bitsandbytes, quantised
from layover.errors import ModelError
from layover.memory import training_bytes
from layover.modules import Module
from layover.numerics import Precision, Quantisation, frozen_bytes
from layover.plan.encoders import KNOWN_SHAPES
from layover.steps import loaded

ModelOf = Callable[..., PreTrainedModel]
Padded = tuple[Tensor, Tensor]
QUANTISATIONS = get_args(Quantisation)
TRAINED: list[Module] = [
    modules.get("lora")(target=("query", "intermediate"), rank=3, alpha=4),
    modules.get("bottleneck")(),
    modules.get("dora")(target=("value", "output"), layers="top-2", rank=3),
]


@pytest.fixture(autouse=True)
def _library() -> None:
    pytest.importorskip("bitsandbytes", reason="the extra `quant` is not installed")


@pytest.fixture
def folder(tmp_path: Path, model_of: ModelOf) -> Path:
    model_of().save_pretrained(tmp_path / "encoder")
    return tmp_path / "encoder"


def load(folder: Path, quantisation: Quantisation | None, from_layer: int = 0) -> Encoder:
    return Encoder.load(
        folder,
        clock=DropoutClock(0),
        dtype=torch.bfloat16,
        quantisation=quantisation,
        from_layer=from_layer,
        all_words=from_layer == 0,
    )


def part(module: Module, weights: Mapping[str, Tensor] | None = None) -> AttachedModule:
    return AttachedModule("target", module, weights, trainable=weights is None)


def distance(found: Tensor, exact: Tensor) -> float:
    return float((found.float() - exact.float()).norm() / exact.float().norm())


def made_plain(encoder: Encoder, folder: Path) -> Encoder:
    """Return an encoder in bfloat16 whose linear maps are the matrices that the quantised ones multiply with."""
    plain = load(folder, None)
    for name, one in encoder.model.named_modules():
        if isinstance(one, Quantised):
            linear = plain.model.get_submodule(name)
            assert isinstance(linear, nn.Linear)
            linear.weight.data.copy_(one.weight)
    return plain


@pytest.mark.parametrize(("quantisation", "least", "most"), [("nf4", 0.05, 0.6), ("int8", 0.002, 0.05)])
def test_hidden_states_are_near_float32s(
    folder: Path, padded: Padded, quantisation: Quantisation, least: float, most: float
) -> None:
    exact = Encoder.load(folder, clock=DropoutClock(0))(*padded)
    found = load(folder, quantisation)
    assert least < distance(found(*padded), exact) < most
    assert (found.dtype, found.quantisation) == (torch.bfloat16, quantisation)
    assert sum(isinstance(one, Quantised) for one in found.model.modules()) == 6 * found.num_layers


@pytest.mark.parametrize("module", TRAINED, ids=[one.name for one in TRAINED])
@pytest.mark.parametrize("quantisation", QUANTISATIONS)
def test_outputs_and_gradients_are_those_of_the_matrices(
    folder: Path, padded: Padded, quantisation: Quantisation, module: Module
) -> None:
    """In training and in predictions, bit for bit; and only the module gets a gradient."""
    stored = load(folder, quantisation)
    before = fingerprint(stored)
    gradients = []
    for encoder in (stored, made_plain(stored, folder)):
        encoder.attach([part(module)])
        encoder.train()
        encoder(*padded).float().square().sum().backward()
        gradients.append({name: one.grad for name, one in encoder.named_parameters() if one.grad is not None})
        encoder.eval()
        with torch.inference_mode():
            gradients[-1]["output"] = encoder(*padded)
    assert gradients[0].keys() == {f"attachments.0.weights.at.{name}" for name in _own(stored)} | {"output"}
    assert gradients[0].keys() == gradients[1].keys()
    assert all(torch.equal(gradients[0][name], gradients[1][name]) for name in gradients[0])
    stored.attach([])
    assert fingerprint(stored) == before


def _own(encoder: Encoder) -> list[str]:
    return [name for name, _ in encoder.attachments.get_submodule("0.weights.at").named_parameters()]


@pytest.mark.parametrize("quantisation", QUANTISATIONS)
def test_what_is_kept_gives_the_same_again(folder: Path, padded: Padded, quantisation: Quantisation) -> None:
    first = load(folder, quantisation)
    first.attach([part(TRAINED[0])])
    for weight in first.trained()["target"].values():
        nn.init.normal_(weight, std=0.1)
    second = load(folder, quantisation)
    assert fingerprint(second) != fingerprint(load(folder, None))
    second.attach([part(TRAINED[0], first.state("target"))])
    assert torch.equal(first(*padded), second(*padded))
    model = second.release()
    assert model is not None
    third = Encoder.from_model(model, clock=DropoutClock(0))
    third.to(torch.device("cpu"))
    assert torch.equal(third(*padded), load(folder, quantisation)(*padded))
    next(one for one in third.modules() if isinstance(one, Quantised)).codes[0] += 1
    assert fingerprint(third) != fingerprint(load(folder, quantisation))


def test_a_part_of_an_encoder_knows_what_it_is(folder: Path, padded: Padded) -> None:
    whole = load(folder, "nf4")
    hidden = whole.below(2, *padded)
    for first in (2, whole.num_layers):
        upper = load(folder, "nf4", first)
        assert (upper.dtype, upper.quantisation) == (torch.bfloat16, "nf4")
    assert torch.equal(load(folder, "nf4", 2).top(hidden, padded[1], 2), whole(*padded))


def test_nf4_is_bitsandbytes_and_int8_the_nearest() -> None:
    weight = torch.randn(7, 64, generator=torch.Generator().manual_seed(0))
    weight[3] = 0
    hidden = torch.randn(1, 5, 64, generator=torch.Generator().manual_seed(1)).bfloat16().requires_grad_()
    theirs = bitsandbytes().nn.Linear4bit(
        64, 7, compute_dtype=torch.bfloat16, compress_statistics=False, quant_type="nf4"
    )
    theirs.load_state_dict({"weight": weight, "bias": torch.zeros(7)})
    ours = Quantised(64, 7, "nf4", dtype=torch.bfloat16, device=torch.device("cpu"))
    ours.load_state_dict({**quantised(weight, "nf4"), "bias": torch.zeros(7)})
    assert torch.equal(ours(hidden), theirs.to("cpu")(hidden))
    codes, scales = quantised(weight, "int8").values()
    assert ((codes * scales - weight).abs() <= scales / 2 * 1.0001).all()
    assert (codes.abs().amax(dim=1) == torch.tensor([127, 127, 127, 0, 127, 127, 127])).all()


@pytest.mark.parametrize("size", [(64, 64), (96, 48), (48, 96), (7, 33)])
def test_nf4_is_near_whatever_the_size(size: tuple[int, int]) -> None:
    """The library's kernel for CPUs is not, where rows do not end with a block."""
    weight = torch.randn(size, generator=torch.Generator().manual_seed(0))
    stored = Quantised(size[1], size[0], "nf4", dtype=torch.bfloat16, device=torch.device("cpu"))
    stored.load_state_dict({**quantised(weight, "nf4"), "bias": torch.zeros(size[0])})
    assert distance(stored.matrix(torch.float32), weight) < 0.12


@pytest.mark.parametrize("quantisation", QUANTISATIONS)
def test_what_changes_the_weights_is_refused(folder: Path, quantisation: Quantisation) -> None:
    encoder = load(folder, quantisation)
    with pytest.raises(ModelError, match=f"'target' does not work with an encoder loaded in {quantisation}: it trains"):
        encoder.attach([part(modules.get("full")())])
    lora = TRAINED[0]
    fresh = Encoder.load(folder, clock=DropoutClock(0))
    fresh.attach([part(lora)])
    done = AttachedModule("intermediate", lora, fresh.state("target"), trainable=False)
    pieces = composition("merge")().attachments(lora, [done], shape=encoder.shape, seed=0)
    assert isinstance(pieces[0], Fold)
    with pytest.raises(ModelError, match=r"'intermediate' does not work with .* changes the frozen weights"):
        encoder.attach(pieces)
    with pytest.raises(ModelError, match=r"whole encoder: it trains all weights.*use precision bf16 or fp32"):
        loaded.load(str(folder), None, clock=DropoutClock(0), precision=quantisation, whole=True)


def test_an_encoder_in_memory_is_not_taken_for_one_of_another_precision(folder: Path) -> None:
    found = [
        loaded.load(str(folder), None, clock=DropoutClock(0), precision=precision).quantisation
        for precision in ("bf16", "nf4", "bf16", "int8", "nf4")
    ]
    loaded.forget()
    for precision in ("bf16", "int8", "fp32"):
        with pytest.raises(ModelError, match=f"precision {precision}: the encoder was loaded with nf4"):
            is_mixed(precision, torch.bfloat16, "nf4")
    assert found == [None, "nf4", None, "int8", "nf4"]


def test_nf4_without_its_library_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(ModelError, match=r'needs bitsandbytes.*pip install "\.\[quant\]"'):
        load(folder, "nf4")
    assert "kernels" not in sys.modules or sys.modules["kernels"] is not None


def test_memory_of_the_frozen_weights() -> None:
    base = KNOWN_SHAPES["FacebookAI/xlm-roberta-base"]

    def bytes_of(precision: Precision) -> int:
        return training_bytes(base, 294_912, lowest=12, precision=precision)

    saved = base.layers * base.layer_parameters * (frozen_bytes("int8") - frozen_bytes("nf4"))
    assert bytes_of("int8") - bytes_of("nf4") == pytest.approx(saved, abs=1)
    assert bytes_of("int8") < bytes_of("bf16")
