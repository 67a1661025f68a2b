"""The encoders that ship: what their cards say is true of the files beside them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from layover.data.tokenizer import Tokenizer
from layover_sandbox import encoders, languages

EVERY = encoders.names()
MAX_BYTES = 12_000_000


def folder(name: str) -> Path:
    found = encoders.folder_of(name)
    assert found is not None
    return found


def card_of(name: str) -> dict[str, Any]:
    return json.loads((folder(name) / "card.json").read_text(encoding="utf-8"))


def test_there_are_two_sizes() -> None:
    assert EVERY == ("sandbox/mini", "sandbox/small")


def test_the_weights_are_small() -> None:
    assert sum((folder(name) / "model.safetensors").stat().st_size for name in EVERY) <= MAX_BYTES


@pytest.mark.parametrize("name", EVERY)
def test_a_card_is_of_these_files(name: str) -> None:
    card = card_of(name)
    files = {file.name for file in folder(name).iterdir()} - {"card.json"}
    assert set(card["files"]) == files
    for file, expected in card["files"].items():
        assert hashlib.sha256((folder(name) / file).read_bytes()).hexdigest() == expected
    assert card["recipe"] == "sandbox-pretrain"
    assert len(card["recipe_key"]) == 64
    assert set(card["held_out"]) == set(languages.names())
    losses = card["loss_curve"]["losses"]
    assert losses[0] > 3 * losses[-1], "it learned"


@pytest.mark.parametrize("name", EVERY)
def test_a_held_out_loss_can_be_computed_again(name: str) -> None:
    from layover import kinds, tasks
    from layover.encoder import DropoutClock, Encoder
    from layover.execution import Execution
    from layover.heads import build_head
    from layover.inference.predict import predict

    task, kind = tasks.get("sandbox/pretraining"), kinds.get("mlm")
    location = task.locate("validation", "sw", root=None)
    assert location is not None
    examples = task.read(location)
    source = str(folder(name))
    features = kind.encode(examples, Tokenizer.load(folder(name)), labels=(), max_length=128, stride=64)
    encoder = Encoder.load(source, None, clock=DropoutClock(0))
    head = build_head("mlm", (), encoder, 0.0)
    assert head.start_from(source, None)
    outputs = predict(encoder, head, features, execution=Execution(device="cpu"))
    predictions = kind.decode(outputs, features, examples, labels=())
    scores = kind.score(predictions, examples, metrics=task.metrics, language="sw")
    assert scores["mlm_loss"] == pytest.approx(card_of(name)["held_out"]["sw"]["mlm_loss"], abs=1e-3)


@pytest.mark.parametrize("name", EVERY)
def test_any_text_can_be_encoded(name: str) -> None:
    tokenizer = Tokenizer.load(folder(name))
    for text in ("Zażółć gęślą jaźń", "ქართული", "🦉", "नमस्ते", "安娜买了三个苹果。"):
        ids = tokenizer.pieces([text])[text].ids
        assert len(ids)
        assert tokenizer.unk not in ids
