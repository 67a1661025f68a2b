"""Sentence embeddings against a plain mean over transformers' own hidden states."""

from __future__ import annotations

import pytest
import torch
from tests.tiny import tiny_model
from transformers import XLMRobertaModel

from layover import modules
from layover.compositions import AttachedModule
from layover.encoder import DropoutClock, Encoder
from layover.errors import ModelError
from layover.heads import MeanPooling

LAYERS = 3
LENGTHS = torch.tensor([9, 4, 3])


@pytest.fixture(scope="module")
def model() -> XLMRobertaModel:
    return tiny_model(layers=LAYERS)


@pytest.fixture(scope="module")
def ids() -> torch.Tensor:
    found = torch.randint(4, 100, (3, 9), generator=torch.Generator().manual_seed(3))
    return found.masked_fill(torch.arange(9) >= LENGTHS[:, None], 1)


@pytest.mark.parametrize("layer", range(LAYERS + 1))
@pytest.mark.parametrize("special_tokens", [True, False])
def test_the_mean_of_a_layer(layer: int, special_tokens: bool, model: XLMRobertaModel, ids: torch.Tensor) -> None:
    mask = torch.arange(9) < LENGTHS[:, None]
    with torch.no_grad():
        hidden = model(ids, attention_mask=mask.long(), output_hidden_states=True).hidden_states[layer]
    cut = slice(None) if special_tokens else slice(1, -1)
    expected = torch.stack([rows[:length][cut].mean(0) for rows, length in zip(hidden, LENGTHS, strict=True)])
    encoder = Encoder.from_model(model, clock=DropoutClock(0)).eval()
    pooling = MeanPooling((layer,), special_tokens)
    with torch.no_grad():
        (states,) = encoder.after(pooling.layers, ids, LENGTHS)
        found = pooling(states, LENGTHS)
    assert torch.allclose(found, expected, atol=1e-5)
    other = MeanPooling((layer,), not special_tokens)(hidden, LENGTHS)
    assert (found - other).abs().max() > 1e-2, "the special tokens must make a difference here"


def test_layers_together_are_the_same_as_one_by_one_and_those_above_do_not_run(
    model: XLMRobertaModel, ids: torch.Tensor
) -> None:
    encoder, ran = Encoder.from_model(model, clock=DropoutClock(0)).eval(), []
    hooks = [
        layer.get_submodule("output").register_forward_hook(lambda *_, n=n: ran.append(n))
        for n, layer in enumerate(encoder.layers)
    ]
    with torch.no_grad():
        together = list(encoder.after((0, 2), ids, LENGTHS))
        assert ran == [0, 1]
        alone = [next(encoder.after((layer,), ids, LENGTHS)) for layer in (0, 2)]
        last = next(encoder.after((LAYERS,), ids, LENGTHS))
        assert torch.equal(last, encoder(ids, LENGTHS))
    for hook in hooks:
        hook.remove()
    assert all(torch.equal(one, other) for one, other in zip(together, alone, strict=True))


def test_a_module_below_the_layer_is_in_it_and_one_above_is_not(model: XLMRobertaModel, ids: torch.Tensor) -> None:
    encoder = Encoder.from_model(model, clock=DropoutClock(0)).eval()
    lora = modules.get("lora").model_validate({"rank": 2, "layers": [1]})
    encoder.attach([AttachedModule("one", lora, None, trainable=True)])
    weights = {name: torch.ones_like(value) for name, value in encoder.state("one").items()}
    with torch.no_grad():
        before = list(encoder.after((1, 2), ids, LENGTHS))
        encoder.attach([AttachedModule("one", lora, weights, trainable=False)])
        after = list(encoder.after((1, 2), ids, LENGTHS))
    assert torch.equal(before[0], after[0])
    assert not torch.allclose(before[1], after[1])


def test_layers_that_are_not_there(model: XLMRobertaModel, ids: torch.Tensor) -> None:
    encoder = Encoder.from_model(model, clock=DropoutClock(0))
    for layers in (-1, LAYERS + 1):
        with pytest.raises(ModelError, match=f"after {layers} layers: the encoder has {LAYERS}"):
            next(encoder.after((layers,), ids, LENGTHS))


def test_bfloat16_gives_float32_means() -> None:
    hidden = torch.full((1, 400, 4), 1.0, dtype=torch.bfloat16)
    pooled = MeanPooling((1,), special_tokens=True)(hidden, torch.tensor([400]))
    assert pooled.dtype == torch.float32
    assert torch.equal(pooled, torch.ones(1, 4))
