"""Trainings and predictions that go on from kept hidden states, and in bfloat16."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from layover import modules
from layover.compositions import AttachedModule
from layover.data.features import Features
from layover.errors import DataError, ModelError
from layover.execution import Execution
from layover.inference.hidden_states import HiddenStates
from layover.inference.predict import keep_states, predict
from layover.numerics import Precision
from layover.specs import Hyperparameters
from layover.training import Branch, fit

ModelOf = Callable[..., Any]
TOP = modules.get("lora")(rank=4, layers=(2,))


def trained(model: Any, features: Features, precision: Precision = "fp32", states: HiddenStates | None = None) -> Any:
    return fit(
        model.encoder,
        [Branch("made up", model.head, features, states=states)],
        hyperparameters=Hyperparameters(lr=1e-2, epochs=3, batch=8, seed=1, precision=precision),
        execution=Execution(device="cpu"),
        clock=model.clock,
        judge=None,
        checkpoint_dir=None,
        progress=lambda _: None,
    )


def lowered(model: Any) -> Any:
    """Return a model whose frozen weights are bfloat16, as they are loaded for that precision."""
    model.encoder.model.to(torch.bfloat16)
    return model


def kept(model: Any, features: Features, file: Path, precision: Precision) -> HiddenStates:
    kind = "bfloat16" if precision == "bf16" else "float32"
    size = {"layer": 2, "kind": kind, "tokens": int(features.arrays["offsets"][-1]), "hidden": 32}
    into = HiddenStates.create(file, **size)
    keep_states(model.encoder, features, into, execution=Execution(device="cpu"), precision=precision)
    into.flush()
    return HiddenStates.open(file, **size)


@pytest.mark.parametrize("kind", ["classification", "tagging"])
@pytest.mark.parametrize(("precision", "error"), [("fp32", 1e-5), ("bf16", 2e-2)])
def test_kept_states_train_and_predict_the_same(
    model_of: ModelOf,
    features_of: Callable[..., Features],
    tmp_path: Path,
    kind: str,
    precision: Precision,
    error: float,
) -> None:
    features, results = features_of(kind), []
    for cached in (False, True):
        model = model_of(kind, TOP)
        if precision == "bf16":
            lowered(model)
        states = kept(model, features, tmp_path / "states.bin", precision) if cached else None
        result = trained(model, features, precision, states)
        outputs = predict(
            model.encoder, model.head, features, execution=Execution(device="cpu"), precision=precision, states=states
        )
        weights = torch.cat([one.flatten() for one in model.encoder.state("target").values()])
        results.append((result.curve, weights, outputs))
    (curve, weights, outputs), (other_curve, other_weights, other_outputs) = results
    assert other_curve == pytest.approx(curve, rel=error)
    assert float((weights - other_weights).norm() / weights.norm()) < error
    for name, values in outputs.items():
        assert np.mean(np.abs(values.astype(float) - other_outputs[name])) < 10 * error


def test_a_file_of_another_size_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "states.bin"
    HiddenStates.create(file, layer=2, kind="float32", tokens=3, hidden=4).flush()
    with pytest.raises(
        DataError, match=r"states.bin: the file must have 32 bytes, for 4 x 4 hidden states in bfloat16"
    ):
        HiddenStates.open(file, layer=2, kind="bfloat16", tokens=4, hidden=4)
    with pytest.raises(DataError, match="the file must have"):
        HiddenStates.open(tmp_path / "absent.bin", layer=2, kind="float32", tokens=3, hidden=4)


def test_bfloat16_weights_are_frozen_and_modules_are_float32(
    model_of: ModelOf, features_of: Callable[..., Features]
) -> None:
    model = lowered(model_of("classification", modules.get("lora")(rank=4)))
    before = {name: value.clone() for name, value in model.encoder.model.named_parameters()}
    trained(model, features_of(), "bf16")
    assert all(value.any() for name, value in model.encoder.state("target").items() if name.endswith("B"))
    assert {value.dtype for value in model.encoder.trained()["target"].values()} == {torch.float32}
    assert all(torch.equal(value, before[name]) for name, value in model.encoder.model.named_parameters())
    with pytest.raises(ModelError, match=r"precision fp32: the encoder was loaded in torch.bfloat16"):
        trained(model, features_of(), "fp32")


def test_merged_into_bfloat16_weights_and_out_again(model_of: ModelOf) -> None:
    from layover import compositions

    model = lowered(model_of())
    before = {name: value.clone() for name, value in model.encoder.model.named_parameters()}
    state = {name: torch.randn(one.shape) for name, one in model.encoder.state("target").items()}
    part = AttachedModule("intermediate", modules.get("lora")(rank=4), state, trainable=False)
    merge = compositions.get("merge")()
    model.encoder.attach(merge.attachments(part.module, [part], shape=model.encoder.shape, seed=0))
    changed = [name for name, one in model.encoder.model.named_parameters() if not torch.equal(one, before[name])]
    assert len(changed) == 6
    model.encoder.attach([])
    assert all(torch.equal(one, before[name]) for name, one in model.encoder.model.named_parameters())
