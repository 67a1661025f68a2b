"""The parts of an encoder beside those of transformers: names, numbers, gradients, and the values of its config."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers
from tests.families.test_families import MODEL_TYPES, class_of
from torch import Tensor, nn

from layover import modules
from layover.compositions import AttachedModule
from layover.encoder import DropoutClock, Encoder
from layover.encoder.config import EncoderConfig, read_config
from layover.encoder.in_transformers import load_in_transformers
from layover.encoder.loading import load_model
from layover.errors import ModelError

SIZES = {
    "vocab_size": 60,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 24,
    "type_vocab_size": 2,
    "initializer_range": 0.5,
}


def saved(folder: Path, model_type: str, **values: object) -> transformers.PreTrainedModel:
    """Write an encoder of transformers, and return it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = class_of(model_type, "Config")(**{**SIZES, **values})
        model: transformers.PreTrainedModel = class_of(model_type, "Model")(config, add_pooling_layer=False)
        for weight in model.parameters():
            nn.init.normal_(weight)  # transformers leaves biases at zero and norms at one
    model.save_pretrained(folder)
    return model.eval()


def change(folder: Path, **values: object) -> Path:
    file = folder / "config.json"
    left = {**json.loads(file.read_text(encoding="utf-8")), **values}
    file.write_text(json.dumps({name: value for name, value in left.items() if value != "absent"}), encoding="utf-8")
    return file


def batch() -> tuple[Tensor, Tensor, Tensor]:
    """Return ids (2, 9) with the padding tokens of all families inside rows, lengths, and token types."""
    ids = torch.randint(3, 60, (2, 9), generator=torch.Generator().manual_seed(1))
    ids[0, 4], ids[1, 2] = 1, 0
    return ids, torch.tensor([9, 6]), torch.arange(9).gt(3).long().expand(2, 9)


@pytest.mark.parametrize("activation", ["gelu", "relu", "gelu_new"])
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_the_same_names_hidden_states_and_gradients(tmp_path: Path, model_type: str, activation: str) -> None:
    theirs = saved(tmp_path, model_type, hidden_act=activation)
    ours = load_model(tmp_path, None)
    assert {name: value.shape for name, value in ours.named_parameters()} == {
        name: value.shape for name, value in theirs.named_parameters()
    }
    results = []
    for model in (ours, theirs):
        encoder = Encoder.from_model(model, clock=DropoutClock(0))
        encoder.attach([AttachedModule("target", modules.get("full")(), None, trainable=True)])
        hidden = encoder(*batch())
        hidden.square().sum().backward()
        results.append((hidden, {name: value.grad for name, value in encoder.model.named_parameters()}))
    (hidden, gradients), (expected, expected_gradients) = results
    assert torch.equal(hidden, expected)
    for name, gradient in expected_gradients.items():
        assert torch.equal(gradients[name], gradient), name
    padding = read_config(tmp_path / "config.json").pad_token_id
    words = gradients["embeddings.word_embeddings.weight"]
    assert not words[padding].any(), "the padding token never trains"
    assert words[padding + 3 :].any()


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_an_old_config_has_the_values_of_transformers(tmp_path: Path, model_type: str) -> None:
    theirs = class_of(model_type, "Config")()
    file = tmp_path / "config.json"
    names = [name for name, field in EncoderConfig.model_fields.items() if field.is_required()]
    sizes = {name: getattr(theirs, name) for name in names if name not in {"pad_token_id", "model_type"}}
    file.write_text(json.dumps({"model_type": model_type, **sizes}), encoding="utf-8")
    ours = read_config(file).model_dump(exclude={"position_embedding_type"})
    for name in ours.keys() - {"is_decoder"}:
        assert ours[name] == getattr(theirs, name), name
    assert ours["is_decoder"] is False


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"vocab_size": "absent"}, "vocab_size is missing"),
        ({"hidden_size": "16"}, "hidden_size is '16': Input should be a valid integer"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0: Input should be greater than or equal to 1"),
        ({"num_attention_heads": 3}, "hidden_size 16 does not divide into 3 attention heads"),
        (
            {"position_embedding_type": "relative_key"},
            "position_embedding_type is 'relative_key': Input should be",
        ),
        ({"hidden_act": "gelo"}, "hidden_act 'gelo' is unknown; .*gelu"),
        ({"model_type": "gpt2"}, "unsupported encoder type 'gpt2'"),
        ({"model_type": "absent"}, "config.json: model_type is missing; it is one of: bert, camembert"),
        ({"pad_token_id": 60}, "pad_token_id is 60, but vocab_size is 60"),
        ({"pad_token_id": -100}, "pad_token_id is -100, but vocab_size is 60"),
        ({"pad_token_id": "1"}, "pad_token_id is '1': Input should be a valid integer"),
        ({"vocab_size": 10**30}, "vocab_size is 10+: Input should be less than 2147483648"),
    ],
)
def test_a_config_that_is_none_is_refused(tmp_path: Path, values: dict[str, object], message: str) -> None:
    saved(tmp_path, "xlm-roberta")
    change(tmp_path, **values)
    with pytest.raises(ModelError, match=message) as refused:
        load_model(tmp_path, None)
    assert str(tmp_path) in str(refused.value)


def test_a_config_that_is_no_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ModelError, match="not a JSON object"):
        read_config(tmp_path / "config.json")


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_other_libraries_get_the_model_of_transformers(tmp_path: Path, model_type: str) -> None:
    saved(tmp_path, model_type).half().save_pretrained(tmp_path)
    theirs = class_of(model_type, "Model").from_pretrained(tmp_path, add_pooling_layer=False, dtype=torch.float32)
    before = torch.random.get_rng_state()
    model = load_in_transformers(tmp_path, None)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert type(model) is type(theirs)
    assert not model.training
    expected = theirs.state_dict()
    assert model.state_dict().keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())
