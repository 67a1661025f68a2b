from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel, XLMRobertaForMaskedLM, XLMRobertaForSequenceClassification

from layover.encoder import DropoutClock, Encoder
from layover.errors import ModelError

ModelOf = Callable[..., PreTrainedModel]


def load(folder: Path) -> Encoder:
    return Encoder.load(folder, clock=DropoutClock(0)).eval()


def change_config(folder: Path, **values: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_load_equals_the_model(
    tmp_path: Path, model_of: ModelOf, padded: tuple[Tensor, Tensor], capfd: pytest.CaptureFixture[str]
) -> None:
    model = model_of()
    model.save_pretrained(tmp_path)
    before = torch.random.get_rng_state()
    capfd.readouterr()
    encoder = load(tmp_path)
    assert "".join(capfd.readouterr()) == ""
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(encoder(*padded), Encoder.from_model(model, clock=DropoutClock(0))(*padded))
    assert not any(value.requires_grad for value in encoder.parameters())


def test_half_precision_weights_are_computed_in_float32(tmp_path: Path, model_of: ModelOf) -> None:
    model_of().half().save_pretrained(tmp_path)
    assert {value.dtype for value in load(tmp_path).parameters()} == {torch.float32}


@pytest.mark.parametrize("of", [XLMRobertaForMaskedLM, XLMRobertaForSequenceClassification])
def test_heads_stay_behind(
    tmp_path: Path, model_of: ModelOf, padded: tuple[Tensor, Tensor], of: type[PreTrainedModel]
) -> None:
    inner = model_of()
    whole = of(inner.config)
    whole.get_submodule("roberta").load_state_dict(inner.state_dict())
    whole.save_pretrained(tmp_path)
    assert torch.equal(load(tmp_path)(*padded), Encoder.from_model(inner, clock=DropoutClock(0))(*padded))


@pytest.mark.parametrize(("layers", "message"), [(5, "weights are missing"), (3, "belong to a larger encoder")])
@pytest.mark.parametrize("with_head", [False, True])
def test_another_depth_is_refused(
    tmp_path: Path, model_of: ModelOf, layers: int, message: str, with_head: bool
) -> None:
    model = XLMRobertaForMaskedLM(model_of().config) if with_head else model_of()
    model.save_pretrained(tmp_path)
    change_config(tmp_path, num_hidden_layers=layers)
    with pytest.raises(ModelError, match=message):
        load(tmp_path)


def test_another_width_is_refused(tmp_path: Path, model_of: ModelOf) -> None:
    model_of().save_pretrained(tmp_path)
    change_config(tmp_path, intermediate_size=80)
    with pytest.raises(ModelError):
        load(tmp_path)


def test_pickles_are_not_read(tmp_path: Path, model_of: ModelOf) -> None:
    model = model_of()
    model.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="safetensors"):
        load(tmp_path)


def test_damaged_absent_and_foreign(tmp_path: Path, model_of: ModelOf) -> None:
    with pytest.raises(ModelError, match="absent"):
        load(tmp_path / "absent")
    model_of().save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(tmp_path)
    change_config(tmp_path, model_type="gpt2")
    with pytest.raises(ModelError, match="unsupported encoder type 'gpt2'"):
        load(tmp_path)
