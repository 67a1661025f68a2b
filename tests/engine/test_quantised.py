"""A sweep on quantised weights, through the real command line: what is kept, and what comes of the frozen layers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engine.conftest import Folder

pytestmark = pytest.mark.slow


def test_a_sweep_in_nf4(folder: Folder) -> None:
    pytest.importorskip("bitsandbytes", reason="the extra `quant` is not installed")
    narrow = ("sweep.intermediate=[none]", "sweep.method=[lora]", "sweep.seed=[1]", "sweep.exclude=[]")
    settings = ("methods.lora.layers=top-1", "train.precision=nf4", "train.epochs=1", "run.workers=1")
    said = folder.run("run", "recipe.yaml", *narrow, *settings)
    assert "1 of 1 cells finished" in said
    hidden_states = [json.loads(path.read_text("utf-8")) for path in folder.root.glob("store/nodes/*/*/meta.json")]
    assert {one["kind"] for one in hidden_states if "layer" in one} == {"bfloat16"}
    done = [json.loads(path.read_text("utf-8"))["identity"] for path in folder.root.glob("store/nodes/*/*/done.json")]
    assert {one["precision"] for one in done if one.get("precision")} == {"nf4"}
