"""Merged deltas equal those of peft, where both mean the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import peft
import pytest
from packaging.version import Version
from tests.compositions.test_contract import intermediates_of
from tests.tolerances import ROUNDING
from transformers import PreTrainedModel

from layover import compositions, modules
from layover.compositions import Fold
from layover.encoder import DropoutClock, Encoder

ModelOf = Callable[..., PreTrainedModel]
RANK, ALPHA = 4, 6.0


def in_peft(model_of: ModelOf, parts: list[Any]) -> Any:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=["query", "value"], lora_dropout=0.0)
    names = [part.name.replace(".", "_") for part in parts]
    model = get_peft_model(model_of(), config, adapter_name=names[0])
    for name in names[1:]:
        model.add_adapter(name, config)
    own = dict(model.named_parameters())
    for part, name in zip(parts, names, strict=True):
        for weight, value in part.weights.items():
            _, layer, place, matrix = weight.split(".")
            path = f"base_model.model.encoder.layer.{layer}.attention.self.{place}.lora_{matrix}.{name}.weight"
            own[path].data.copy_(value)
    return model, names


@pytest.mark.parametrize(
    ("settings", "kind", "asked"),
    [
        ({"method": "exact", "weights": (0.7, -0.3)}, {"combination_type": "cat"}, (0.7, -0.3)),
        ({"method": "svd", "weights": (0.7, 0.3), "rank": 3}, {"combination_type": "svd", "svd_rank": 3}, (0.7, 0.3)),
        # peft takes the mean over those that agree; ours is that mean times the sum of |w|
        (
            {"method": "ties", "weights": (0.5, 0.5), "density": 0.5},
            {"combination_type": "ties_svd", "svd_rank": 48, "density": 0.5},
            (1.0, 1.0),
        ),
        (
            {"method": "magnitude", "weights": (0.7, 0.3), "density": 0.5},
            {"combination_type": "magnitude_prune_svd", "svd_rank": 48, "density": 0.5},
            (0.7, 0.3),
        ),
    ],
    ids=["exact", "svd", "ties", "magnitude"],
)
def test_merges_are_pefts(
    model_of: ModelOf, settings: dict[str, Any], kind: dict[str, Any], asked: tuple[float, float]
) -> None:
    encoder, module = Encoder.from_model(model_of(), clock=DropoutClock(0)), modules.get("lora")(rank=RANK, alpha=ALPHA)
    parts = intermediates_of(model_of, module, 2)
    theirs, names = in_peft(model_of, parts)
    theirs.add_weighted_adapter(names, list(asked), "merged", **kind)
    fold, *_ = compositions.get("merge")(**settings).attachments(module, parts, shape=encoder.shape, seed=1)
    assert isinstance(fold, Fold)
    assert len(fold.sites) == 2 * encoder.num_layers
    for site in fold.sites:
        path = f"base_model.model.encoder.layer.{site.layer}.attention.self.{site.place}"
        expected = theirs.get_submodule(path).get_delta_weight("merged")
        if kind["combination_type"] != "cat" and Version(peft.__version__) < Version("0.21"):
            expected = expected / (ALPHA / RANK)  # which peft multiplied by once more before 0.21
        difference = float((fold.change(site) - expected).abs().max())
        assert difference <= ROUNDING * float(expected.abs().max())
