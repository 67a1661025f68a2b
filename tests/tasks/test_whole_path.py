"""Every published task on its five rows, from the file to the score, through a model that learns them by heart."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.tasks.test_contract import PUBLISHED, fixture, official
from transformers import XLMRobertaConfig, XLMRobertaModel

from layover import heads, kinds, modules, tasks
from layover.compositions import TARGET, AttachedModule
from layover.data.tokenizer import Tokenizer
from layover.encoder import DropoutClock, Encoder
from layover.execution import Execution
from layover.heads import MeanPooling
from layover.inference.neighbours import both_ways
from layover.inference.predict import embed, predict
from layover.kinds._submission import mined
from layover.kinds.retrieval import distinct, match
from layover.metrics._retrieval import ENGLISH, LANGUAGE
from layover.specs import Hyperparameters
from layover.tasks import Task
from layover.training import Branch, fit

HIDDEN = 48
EXECUTION = Execution(device="cpu", micro_batch_tokens=4000)
HYPERPARAMETERS = Hyperparameters(lr=5e-3, epochs=60, batch=5, seed=0, weight_decay=0.0)
TRAINED = [name for name in PUBLISHED if tasks.get(name).kind not in {"mlm", "retrieval"}]
LONGER = {"regression": 200, "multilabel": 1000}
"""Kind -> further epochs until five rows are known by heart."""
SLOWER = {"multilabel": 2e-3}
"""Kind -> its learning rate: at a higher one all rows may become one before they are told apart."""
SEARCHED = [name for name in PUBLISHED if tasks.get(name).kind == "retrieval"]


def encoder_of(tokenizer: Tokenizer) -> Encoder:
    config = XLMRobertaConfig(
        vocab_size=tokenizer.size, hidden_size=HIDDEN, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=2 * HIDDEN, max_position_embeddings=220, initializer_range=0.1,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        backbone = XLMRobertaModel(config, add_pooling_layer=False)
    encoder = Encoder.from_model(backbone, clock=DropoutClock(0), dropout=0.0)
    encoder.attach([AttachedModule(TARGET, modules.get("full")(), None, trainable=True)])
    return encoder


def five_rows(name: str, folder: Path) -> tuple[Task, list[Any]]:
    """Return a task, with its labels, and the examples of its first official file."""
    task, data = tasks.get(name), fixture(name)
    official(folder, next(iter(data["files"])), data)
    place = task.locate(data["split"], data["language"], root=folder)
    assert place is not None
    if task.labels_from_training:
        task = task.model_copy(update={"labels": task.labels_in(place)})
    return task, task.read(place)


@pytest.mark.parametrize("name", TRAINED)
def test_five_rows_are_learned_by_heart(name: str, tmp_path: Path, tokenizer: Tokenizer) -> None:
    task, examples = five_rows(name, tmp_path)
    kind = kinds.get(task.kind)
    features = kind.encode(examples, tokenizer, labels=task.scored_labels(), max_length=200, stride=32)
    encoder = encoder_of(tokenizer)
    size = kind.head_size(task.labels)
    assert size is not None
    head = heads.build(task.kind, HIDDEN, size, clock=encoder.clock, dropout=0.0)
    # with a hundred labels it takes longer, and so it does to hit a number, or many labels at once
    epochs = 60 + len(task.labels) + LONGER.get(task.kind, 0)
    hyperparameters = replace(HYPERPARAMETERS, epochs=epochs, lr=SLOWER.get(task.kind, HYPERPARAMETERS.lr))
    fit(
        encoder, [Branch(name, head, features)], hyperparameters=hyperparameters, execution=EXECUTION,
        clock=encoder.clock, judge=None, checkpoint_dir=None, progress=lambda _: None,
    )  # fmt: skip
    outputs = predict(encoder, head, features, execution=EXECUTION)
    predictions = json.loads(json.dumps(kind.decode(outputs, features, examples, labels=task.scored_labels())))
    scores = kind.score(predictions, examples, metrics=task.metrics, language=fixture(name)["language"])
    assert scores == pytest.approx(dict.fromkeys(task.metrics, 100.0), abs=1.0 if task.kind == "regression" else 0.0)


@pytest.mark.parametrize("name", SEARCHED)
def test_five_sentences_find_themselves(name: str, tmp_path: Path, tokenizer: Tokenizer) -> None:
    """With the English texts on both sides every sentence is nearest to its own translation."""
    task, read = five_rows(name, tmp_path)
    kind, english = kinds.get(task.kind), [item for item in read if item.side == ENGLISH]
    texts = {item.gold[0]: item.text for item in english}
    examples = [item if item.side == ENGLISH else replace(item, text=texts[item.id]) for item in read]
    features = kind.encode(examples, tokenizer, labels=(), max_length=200, stride=32)
    embeddings = np.empty((1, features.rows, HIDDEN), np.float32)
    embed(encoder_of(tokenizer), MeanPooling((1,), special_tokens=True), features, embeddings, execution=EXECUTION)
    sides = [embeddings[0][distinct(examples, side)[0]] for side in (LANGUAGE, ENGLISH)]
    forward, backward = both_ways(sides[0], sides[1], execution=EXECUTION)
    found = match(examples, forward, backward, scoring=str(task.retrieval.scoring), mining=mined(task.columns))
    predictions = json.loads(json.dumps(kind.decode(found, features, examples, labels=())))
    scores = kind.score(predictions, examples, metrics=task.metrics, language=fixture(name)["language"])
    assert scores == dict.fromkeys(task.metrics, 100.0)
