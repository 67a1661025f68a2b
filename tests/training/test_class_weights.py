"""Trainings whose classes do not all count alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.test_loop import EXECUTION, FAITHFUL, SETTINGS, Killed, far, kill_at, quiet
from torch.nn import CrossEntropyLoss

from layover.data.features import Features
from layover.data.masking import Moment
from layover.errors import DataError, ModelError
from layover.inference.collate import collate
from layover.inference.predict import last_hidden
from layover.specs import Hyperparameters
from layover.training import Branch, FitResult, fit, optimizer


def trained(
    model: Any, features: Features, weights: list[float] | None, settings: Hyperparameters = SETTINGS, **changes: Any
) -> FitResult:
    given: dict[str, Any] = {"execution": EXECUTION, "judge": None, "checkpoint_dir": None, "progress": quiet}
    by_class = None if weights is None else np.array(weights, np.float32)
    branches = [Branch("task", model.head, features, class_weights=by_class)]
    return fit(model.encoder, branches, hyperparameters=settings, clock=model.clock, **{**given, **changes})


def classes_of(model: Any) -> list[float]:
    return [0.2 + 3 * place for place in range(model.head.size)]


@pytest.mark.parametrize("kind", ["classification", "tagging"])
def test_the_cut_of_a_step_changes_nothing(
    kind: str, model_of: Any, features_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimizer, "EPS", 1e-3)
    features, (whole, cut, plain) = features_of(kind), (model_of(kind) for _ in range(3))
    trained(whole, features, classes_of(whole), FAITHFUL)
    trained(cut, features, classes_of(cut), FAITHFUL, execution=EXECUTION.model_copy(update={"micro_batch_tokens": 1}))
    trained(plain, features, None, FAITHFUL)
    assert far(whole.weights(), cut.weights()) < 1e-6
    assert far(whole.weights(), plain.weights()) > 1e-4


def test_the_loss_of_a_step_is_that_of_torch(model_of: Any, features_of: Any) -> None:
    features, model = features_of("classification"), model_of("classification")
    batch = collate(features, np.arange(features.units), pad=1, moment=Moment(0, 0))
    with torch.no_grad():
        model.clock.set(0, batch.rows, 0)
        logits = model.head(last_hidden(model.encoder.train(), model.head.train(), batch), batch.lengths)
    weights = torch.tensor(classes_of(model))
    expected = CrossEntropyLoss(weight=weights, ignore_index=-1)(logits, batch.targets["label"])
    once = Hyperparameters(lr=0.01, epochs=1, batch=features.units, seed=1)
    result = trained(model, features, weights.tolist(), once)
    assert result.as_json()["loss_curve"]["losses"][0] == pytest.approx(float(expected), rel=1e-5)


def test_classes_that_all_count_twice_count_alike(
    model_of: Any, features_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimizer, "EPS", 1e-3)
    features, twice, plain = features_of("classification"), model_of(), model_of()
    trained(twice, features, [2.0] * twice.head.size, FAITHFUL)
    trained(plain, features, None, FAITHFUL)
    assert far(twice.weights(), plain.weights()) < 1e-6


def test_other_class_weights_are_another_training(model_of: Any, features_of: Any, tmp_path: Path) -> None:
    features, often = features_of("classification"), EXECUTION.model_copy(update={"checkpoint_seconds": 0.0})
    model = model_of()
    with pytest.raises(Killed):
        trained(
            model, features, classes_of(model), execution=often, checkpoint_dir=tmp_path / "node", progress=kill_at(2)
        )
    for weights in (None, [1.0] * model.head.size):
        result = trained(model_of(), features, weights, checkpoint_dir=tmp_path / "node")
        assert result.measured.resumed_at is None
        assert "another training" in result.measured.notes[0]
    again = trained(model_of(), features, classes_of(model), checkpoint_dir=tmp_path / "node")
    assert again.measured.resumed_at == 2


def test_a_kind_without_classes_is_refused(model_of: Any, features_of: Any) -> None:
    with pytest.raises(ModelError, match="no classes"):
        trained(model_of("span"), features_of("span"), [1.0, 2.0])


def test_no_gold_is_nothing_to_train_on(model_of: Any, features_of: Any) -> None:
    features = features_of("classification")
    without = replace(features, arrays={**features.arrays, "label": np.full(features.units, -1)})
    model = model_of()
    with pytest.raises(DataError, match="nothing to train on"):
        trained(model, without, classes_of(model))
