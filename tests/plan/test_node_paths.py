"""The paths that a node reads, which no note of its failure tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.plan.conftest import World

from layover.data.tokenizer import Tokenizer
from layover.engine.worker import run_node
from layover.plan.node_paths import paths_of
from layover.store import Store


@pytest.fixture
def secret(tmp_path: Path, tokenizer: Tokenizer) -> World:
    """A world in a folder whose name holds a blank."""
    return World(tmp_path / "ann lee" / "Geheim-Projekt", tokenizer)


@pytest.mark.parametrize("what", ["data/moods/train.jsonl", "encoder/model.safetensors"])
def test_no_note_of_a_failure_names_a_folder(secret: World, tmp_path: Path, what: str) -> None:
    plan = secret.plan()
    begin = "tokenize moods train en" if what.startswith("data") else "train moods"
    node = next(node for node in plan.nodes.values() if node.label.startswith(begin))
    file = secret.root / what
    file.write_bytes(file.read_bytes() + file.read_bytes())
    store, said = Store(tmp_path / "store"), list[Any]()
    assert run_node(node, store, plan.recipe.document.run, said.append) == "failed"
    assert str(secret.root) in said[-1]["error"], "the person at the terminal is told where it is"
    (note,) = store.root.glob("failed/*.json")
    text = note.read_text(encoding="utf-8")
    assert "changed since the plan was made" in text
    assert "ann" not in text
    assert "Geheim" not in text


def test_every_node_that_has_an_encoder_tells_its_folder(secret: World) -> None:
    nodes = secret.plan().nodes.values()
    for node in nodes:
        assert (secret.root / "encoder" in paths_of(node.spec)) == (node.kind != "score"), node.label
    assert {node.kind for node in nodes} >= {"tokenize", "train", "predict", "score"}
