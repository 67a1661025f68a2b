"""Attacks on test inputs: the answers of moved embeddings, in the order of the rows, and none of it in the weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.training.conftest import Model, make_features, make_model
from tests.training.test_objectives import EXECUTION, SETTINGS, train

from layover.data.features import Features
from layover.encoder import Encoder
from layover.errors import NodeError
from layover.inference.predict import predict
from layover.objectives import Attack
from layover.specs import Hyperparameters
from layover.training.attack import attacked


@pytest.fixture(scope="module")
def learned() -> tuple[Model, Features]:
    """A model that knows its training set."""
    features, model = make_features(rows=40), make_model(dropout=0.0)
    settings = Hyperparameters(**{**SETTINGS.canonical(), "epochs": 20.0, "lr": 0.01})  # type: ignore[arg-type]
    train(model, features, settings=settings)
    return model, features


def outputs(learned: tuple[Model, Features], label: str, **execution: Any) -> Any:
    model, features = learned
    settings = EXECUTION.model_copy(update=execution)
    return attacked(model.encoder, model.head, features, Attack.of(label), execution=settings, precision="fp32")


def gold_loss(learned: tuple[Model, Features], logits: Any) -> float:
    gold = torch.from_numpy(learned[1].arrays["label"])
    return float(torch.nn.functional.cross_entropy(torch.from_numpy(logits), gold))


def test_a_larger_radius_does_more_harm(learned: tuple[Model, Features]) -> None:
    model, features = learned
    clean = predict(model.encoder, model.head, features, execution=EXECUTION)["logits"]
    for name in ("fgsm", "pgd"):
        losses = [gold_loss(learned, outputs(learned, f"{name}-{radius}")["logits"]) for radius in (0.05, 0.2, 0.8)]
        assert gold_loss(learned, clean) < losses[0] < losses[1] < losses[2], name
    right = (clean.argmax(1) == features.arrays["label"]).mean()
    moved = (outputs(learned, "pgd-0.8")["logits"].argmax(1) == features.arrays["label"]).mean()
    assert right > 0.9
    assert moved < right - 0.3


def test_a_tiny_radius_gives_the_clean_answers_in_the_order_of_the_rows(learned: tuple[Model, Features]) -> None:
    model, features = learned
    clean = predict(model.encoder, model.head, features, execution=EXECUTION)["logits"]
    assert np.abs(outputs(learned, "fgsm-0.0001")["logits"] - clean).max() < 0.01
    assert np.abs(clean[1:] - clean[:-1]).max() > 0.5


def test_the_cut_into_batches_changes_nothing(learned: tuple[Model, Features]) -> None:
    for label in ("fgsm-0.1", "pgd-0.1"):
        whole, cut = (outputs(learned, label, micro_batch_tokens=tokens)["logits"] for tokens in (4096, 1))
        assert np.abs(whole - cut).max() < 1e-3


def test_weights_and_modes_stay(learned: tuple[Model, Features]) -> None:
    model, _ = learned
    before = model.weights()
    outputs(learned, "pgd-0.5")
    after = model.weights()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(weight.grad is None for part in (model.encoder, model.head) for weight in part.parameters())


@pytest.mark.parametrize("kind", ["choice", "span", "tagging", "multilabel", "regression"])
def test_every_kind_has_its_outputs(kind: str) -> None:
    features, model = make_features(kind, rows=8, group=2 if kind == "choice" else 1), make_model(kind, dropout=0.0)
    settings = {"execution": EXECUTION, "precision": "fp32"}
    moved = attacked(model.encoder, model.head, features, Attack.of("fgsm-2"), **settings)  # type: ignore[arg-type]
    clean = predict(model.encoder, model.head, features, execution=EXECUTION)
    assert {name: values.shape for name, values in moved.items()} == {
        name: values.shape for name, values in clean.items()
    }
    assert any((moved[name] != clean[name]).any() for name in clean)


def test_memory_that_runs_out_halves_the_batch(
    learned: tuple[Model, Features], monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = outputs(learned, "fgsm-0.1")["logits"]
    forward = Encoder.forward

    def limited(self: Any, ids: Any, *rest: Any, **more: Any) -> Any:
        if ids.numel() > 200:
            raise torch.OutOfMemoryError("no memory")
        return forward(self, ids, *rest, **more)

    monkeypatch.setattr(Encoder, "forward", limited)
    assert np.abs(outputs(learned, "fgsm-0.1")["logits"] - calm).max() < 1e-3
    monkeypatch.setattr(Encoder, "forward", lambda *_, **__: (_ for _ in ()).throw(torch.OutOfMemoryError("none")))
    with pytest.raises(NodeError, match=r"attack: unit \d+ alone does not fit"):
        outputs(learned, "fgsm-0.1")


@pytest.mark.parametrize(("label", "same"), [("fgsm-0.10", "fgsm-0.1"), ("pgd-2", "pgd-2"), ("pgd-0.25", "pgd-0.25")])
def test_a_label_names_an_attack(label: str, same: str) -> None:
    attack = Attack.of(label)
    assert attack.label == same
    assert Attack.parse(attack.canonical()) == attack


@pytest.mark.parametrize("label", ["fgsm", "fgsm-0", "fgm-1", "pgd--1", "pgd-1e3", "pgd-0.00001"])
def test_another_label_is_refused(label: str) -> None:
    with pytest.raises(ValueError, match="is no attack; write fgsm or pgd"):
        Attack.of(label)
