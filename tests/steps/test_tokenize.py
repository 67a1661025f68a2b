"""tokenize: what is stored under a key is what the key says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from layover.data.tokenizer import Tokenizer
from layover.errors import DataError
from layover.identity import file_sha256
from layover.plan.encoders import EncoderRef
from layover.plan.inputs import Subset, TokenizeInputs
from layover.plan.nodes import Node
from layover.recipe import Execution
from layover.steps import Context
from layover.steps.tokenize import load_examples, load_features, load_meta, run
from layover.store import Store
from layover.tasks import OwnTask, declare


def write(path: Path, count: int) -> None:
    rows = [{"text": f"word {number}", "label": "yes" if number % 2 else "no"} for number in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def make_node(root: Path, tokenizer: Tokenizer, subset: Subset) -> Node:
    (root / "encoder").mkdir()
    tokenizer.save(root / "encoder" / "tokenizer.json")
    own = OwnTask(kind="classification", labels=("no", "yes"), text=("text",), train_language="en")
    task = declare("mine", own)
    location = task.locate("train", "en", root=root, files={"train": "train.jsonl"})
    assert location is not None
    encoder = EncoderRef("tiny", str(root / "encoder"), None, {}, {}, None)
    identity = {"node": "tokenize", "data": location.identity(file_sha256)}
    inputs = TokenizeInputs(task, location, encoder, subset, 32, 8, None, 15)
    return Node("tokenize", "k", identity, (), "tokenize", inputs, "job")


def context_of(store: Store) -> Context:
    return Context(store, Execution(), lambda _: None, lambda: False)


@pytest.mark.parametrize(
    ("subset", "count"),
    [
        (Subset(), 10),
        (Subset(limit=4), 4),
        (Subset(holdout=3, part="rest"), 7),
        (Subset(holdout=3, part="held"), 3),
        (Subset(limit=2, holdout=3, part="held"), 2),
    ],
)
def test_a_subset_is_cut_and_encoded(tmp_path: Path, tokenizer: Tokenizer, subset: Subset, count: int) -> None:
    write(tmp_path / "train.jsonl", 10)
    node, store = make_node(tmp_path, tokenizer, subset), Store(tmp_path / "store")
    with store.writing("tokenize", node.identity, ()) as folder:
        run(node, folder, context_of(store))
    (key,) = store.finished()
    assert load_meta(store, key)["examples"] == count
    assert load_features(store, key).rows == count
    assert len(load_examples(store, key, "classification")) == count


def test_data_that_changed_since_the_plan_are_refused(tmp_path: Path, tokenizer: Tokenizer) -> None:
    write(tmp_path / "train.jsonl", 10)
    node, store = make_node(tmp_path, tokenizer, Subset()), Store(tmp_path / "store")
    write(tmp_path / "train.jsonl", 9)
    with pytest.raises(DataError, match="it has changed since the plan was made"):
        run(node, tmp_path, context_of(store))
