"""Every family names what transformers and adapters have, and no two cover the same type of encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from layover import families
from layover.errors import ModelError
from layover.modules import LINEARS, SUBLAYERS

MODEL_TYPES = sorted(families.model_types())
SIZES = {
    "vocab_size": 50,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 20,
    "pad_token_id": 1,
}


def class_of(model_type: str, end: str) -> Any:
    """Return the class of transformers for a type: its `Config` or its `Model`."""
    return getattr(transformers, f"{families.family_of(model_type).transformers[model_type]}{end}")


def test_no_two_families_cover_the_same_type() -> None:
    covered = [model_type for name in families.names() for model_type in families.get(name).transformers]
    assert sorted(covered) == MODEL_TYPES
    assert MODEL_TYPES == ["bert", "camembert", "roberta", "xlm-roberta"]


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_a_family_names_what_transformers_has(model_type: str) -> None:
    family = families.family_of(model_type)
    config = class_of(model_type, "Config")(**SIZES)
    assert config.model_type == model_type
    model = class_of(model_type, "ForSequenceClassification")(config)
    assert model.base_model_prefix == family.prefix
    encoder = model.get_submodule(family.prefix)
    assert isinstance(encoder.get_submodule(family.embeddings).dropout, torch.nn.Dropout)
    layers = list(encoder.get_submodule(family.layers).children())
    assert len(layers) == 2
    assert set(family.linears) == set(LINEARS)
    assert set(family.sublayers) == set(SUBLAYERS)
    for name, path in family.linears.items():
        sizes = [{"hidden": 16, "intermediate": 24}[size] for size in LINEARS[name]]
        assert list(layers[0].get_submodule(path).weight.shape) == sizes[::-1]
    for path in family.sublayers.values():
        assert {"dense", "dropout", "LayerNorm"} <= set(dict(layers[0].get_submodule(path).named_children()))
    assert layers[0].get_submodule(family.sources["inner"])(torch.zeros(1, 16)).shape == (1, 24)
    assert hasattr(model.classifier, "out_proj") == family.classifies_without_pooler


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_positions_start_where_those_of_transformers_do(model_type: str) -> None:
    family = families.family_of(model_type)
    model = class_of(model_type, "Model")(class_of(model_type, "Config")(**SIZES)).eval()
    longest = family.longest_input(SIZES["max_position_embeddings"], SIZES["pad_token_id"])
    model(torch.full((1, longest), 7))
    with pytest.raises((IndexError, RuntimeError)):
        model(torch.full((1, longest + 1), 7))


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_adapters_has_the_named_class_or_none(model_type: str) -> None:
    adapters = pytest.importorskip("adapters")
    family = families.family_of(model_type)
    if model_type in family.adapters:
        made = getattr(adapters, family.adapters[model_type])
        assert made.config_class.model_type == model_type
    else:
        assert not hasattr(adapters, f"{family.transformers[model_type]}AdapterModel")


def test_positions_after_the_padding_need_its_number() -> None:
    with pytest.raises(ModelError, match="no pad_token_id"):
        families.family_of("roberta").first_position(None)
    assert families.family_of("bert").first_position(None) == 0


def test_an_unknown_type_is_refused_with_the_nearest_one() -> None:
    message = r"unsupported encoder type 'robert' \(supported: bert, .*xlm-roberta\); did you mean"
    with pytest.raises(ModelError, match=message):
        families.family_of("robert")


def test_no_other_file_lists_types_of_encoders() -> None:
    """A new family is one file: nobody else tells CamemBERT from others."""
    sources = [path for path in (Path(__file__).parents[2] / "src").rglob("*.py") if "families" not in path.parts]
    assert [str(path) for path in sources if "camembert" in path.read_text(encoding="utf-8").lower()] == []
