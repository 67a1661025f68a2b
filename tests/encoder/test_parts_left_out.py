"""An encoder that has in memory only what a run needs gives the same hidden states."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.tolerances import ROUNDING
from torch import Tensor
from transformers import PreTrainedModel

from layover import modules
from layover.compositions import AttachedModule
from layover.encoder import DropoutClock, Encoder, computing
from layover.errors import ModelError
from layover.modules import AdapterDrop

ModelOf = Callable[..., PreTrainedModel]
Padded = tuple[Tensor, Tensor]
TOP = AttachedModule("target", modules.get("lora")(layers="top-2"), None, trainable=True)


@pytest.fixture
def folder(tmp_path: Path, model_of: ModelOf) -> Path:
    model_of().save_pretrained(tmp_path)
    return tmp_path


def load(folder: Path, dtype: torch.dtype = torch.float32, from_layer: int = 0, *, all_words: bool = True) -> Encoder:
    clock = DropoutClock(0)
    return Encoder.load(folder, clock=clock, dtype=dtype, from_layer=from_layer, all_words=all_words).eval()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_from_a_layer_on(folder: Path, padded: Padded, dtype: torch.dtype) -> None:
    ids, lengths = padded
    whole, upper = load(folder, dtype), load(folder, dtype, from_layer=2)
    for encoder in (whole, upper):
        encoder.attach([TOP])
    states = whole.below(2, ids, lengths)
    assert states.dtype == dtype
    assert states.shape == (1, int(lengths.sum()), 48)
    assert torch.equal(upper.top(states, lengths, 2), whole(ids, lengths))
    count = sum(value.numel() for value in whole.model.parameters())
    assert sum(value.numel() for value in upper.model.parameters()) < count / 2
    with pytest.raises(ModelError, match="was not loaded"):
        upper(ids, lengths)


def test_states_below_a_layer_that_changes_are_refused(folder: Path, padded: Padded) -> None:
    ids, lengths = padded
    encoder = load(folder)
    states = encoder.below(2, ids, lengths)
    encoder.attach([AttachedModule("target", modules.get("lora")(), None, trainable=True)])
    for refused in (lambda: encoder.top(states, lengths, 2), lambda: encoder.below(1, ids, lengths)):
        with pytest.raises(ModelError, match="only the lowest 0 layers are frozen"):
            refused()
    encoder.drop(AdapterDrop(predict=2))
    assert torch.equal(encoder.top(states, lengths, 2), encoder(ids, lengths))


def test_states_of_lower_layers_go_up_through_the_other_frozen_layers(folder: Path, padded: Padded) -> None:
    ids, lengths = padded
    encoder = load(folder)
    encoder.attach([TOP])
    assert torch.equal(encoder.top(encoder.below(1, ids, lengths), lengths, 1), encoder(ids, lengths))


def test_a_head_alone_needs_nothing_of_the_encoder(folder: Path, padded: Padded) -> None:
    ids, lengths = padded
    states = load(folder).below(4, ids, lengths)
    encoder = load(folder, torch.bfloat16, from_layer=4)
    encoder.attach([AttachedModule("target", modules.get("none")(), None, trainable=True)])
    assert encoder.dtype == torch.bfloat16
    assert list(encoder.parameters()) == []
    assert torch.equal(encoder.top(states, lengths, 4), load(folder)(ids, lengths))


def test_word_embeddings_of_the_data_alone(folder: Path, padded: Padded) -> None:
    whole, few = load(folder), load(folder, all_words=False)
    ids, lengths = padded
    used = np.unique(ids.numpy())
    few.need(used[:5])
    with pytest.raises(ModelError, match=r"request them with Encoder\.need"):
        few(ids, lengths)
    few.need(used)
    assert few.model.get_input_embeddings().weight.shape == (len(used), 48)
    assert torch.equal(few(ids, lengths), whole(ids, lengths))
    with pytest.raises(ModelError, match="token 200 is not among the encoder's 200 word embeddings"):
        few.need(np.array([3, 200]))
    with pytest.raises(ModelError, match="not a table in memory"):
        _ = few.word_embeddings


@pytest.mark.parametrize("place", ["lora", "bottleneck"])
def test_the_last_layer_where_the_head_reads_only(model_of: ModelOf, padded: Padded, place: str) -> None:
    ids, lengths = padded
    encoder = Encoder.from_model(model_of(), clock=DropoutClock(5), dropout=0.3)
    encoder.attach([AttachedModule("target", modules.get(place)(), None, trainable=True)])
    weights = encoder.trained()["target"]
    with torch.no_grad():
        for value in weights.values():
            value.add_(torch.randn(value.shape, generator=torch.Generator().manual_seed(1)) * 0.1)
    found = []
    for first in (False, True):
        encoder.train().clock.set(2, torch.arange(3))
        encoder.zero_grad()
        hidden = encoder(ids, lengths, first=first)
        assert hidden.shape == (3, 1 if first else 17, 48)
        hidden[:, 0].pow(3).sum().backward()
        found.append((hidden[:, 0].detach(), {name: one.grad.clone() for name, one in weights.items()}))
    (all_tokens, gradients), (firsts, others) = found
    torch.testing.assert_close(firsts, all_tokens, atol=ROUNDING, rtol=0)
    for name, gradient in gradients.items():
        torch.testing.assert_close(others[name], gradient, atol=1e-3, rtol=1e-5)


def test_onednn_is_float32_or_refused() -> None:
    before = torch.get_float32_matmul_precision()
    left, right = torch.randn(40, 300), torch.randn(300, 50)
    try:
        with computing("fp32-onednn", torch.device("cpu")):
            error = ((left @ right).double() - left.double() @ right.double()).norm() / right.norm()
            assert float(error) < 1e-5
    except ModelError as error:
        assert "fp32-onednn: this CPU does not compute in float32" in str(error)  # noqa: PT017  either way is right
    assert torch.get_float32_matmul_precision() == before
    with pytest.raises(ModelError, match="works on CPUs only"), computing("fp32-onednn", torch.device("meta")):
        pass


def test_onednn_that_rounds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("layover.encoder.precision._product_error", lambda device, setting: 2e-3)  # noqa: ARG005
    with (
        pytest.raises(ModelError, match=r"relative error of products is 0\.002"),
        computing("fp32-onednn", torch.device("cpu")),
    ):
        pass
    assert torch.get_float32_matmul_precision() == "highest"
