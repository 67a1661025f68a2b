"""Small specifications for tests that need one of a kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from layover import modules
from layover.data.subset import Subset
from layover.data.task import Place
from layover.specs import EncoderSpec, Hyperparameters, TokenizerSpec
from layover.specs.score import ScoreSpec
from layover.specs.tokenize import DataSpec, TokenizeSpec
from layover.specs.train import Selection, TaskSpec, TrainSpec
from layover.tasks import Task

DATA = "0" * 64
"""The key of the training set."""


def a_training(**changes: Any) -> TrainSpec:
    """Return a training of a LoRA on one task."""
    spec = TrainSpec(
        encoder=EncoderSpec(),
        module=modules.get("lora")(),
        hyperparameters=Hyperparameters(lr=1e-3, epochs=1.0, batch=8, seed=1),
        tasks=(TaskSpec(DATA, "classification", ("no", "yes"), None),),
    )
    return replace(spec, **changes)


def chosen_in(language: str) -> TaskSpec:
    """Return a task whose weights are selected in a language."""
    return TaskSpec(DATA, "classification", ("no", "yes"), Selection(DATA, "accuracy", None, None, language))


def some_scores() -> ScoreSpec:
    """Return scores of nothing."""
    return ScoreSpec(predictions={}, metrics=("accuracy",), absent={}, kind="classification")


def some_data(task: Task, place: Place) -> TokenizeSpec:
    """Return the encoded examples of a place."""
    return TokenizeSpec(
        data=DataSpec({}, place),
        subset=Subset(),
        kind=task.kind,
        labels=task.labels,
        tokenizer=TokenizerSpec(),
        max_length=8,
        declared=task,
    )
