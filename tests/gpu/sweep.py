"""A whole sweep on the pretended device: every step of a plan, as a worker runs it."""

from __future__ import annotations

from pathlib import Path

from layover.cli.shared import planned
from layover.engine.worker import run_node
from layover.store import Store

RECIPE = """\
schema: 1
name: pretended
models: {mini: {name: sandbox/mini}}
methods:
  route: {module: lora, compose: {name: route, gates: {steps: 2}}, layers: top-1, rank: 4, alpha: 8, dropout: 0.1}
train: {batch: 16, epochs: 1, max_length: 32}
tasks:
  sandbox/nli:        {limit: {train: 32}}
  sandbox/completion: {limit: {train: 16}}
  sandbox/paraphrase: {limit: {train: 16, validation: 8, test: 8}}
sweep:
  model: [mini]
  method: [route]
  intermediate: [[sandbox/nli, sandbox/completion]]
  target: [sandbox/paraphrase]
  seed: [1]
eval: {split: test, languages: [en]}
run: {device: cuda}
"""


def run_sweep(folder: Path) -> None:
    """Run all nodes of a plan in this process."""
    recipe, store = folder / "recipe.yaml", folder / "store"
    recipe.write_text(RECIPE, encoding="utf-8")
    Store(store)
    cells = planned(recipe, [], store)
    steps = set()
    for node in cells.plan.wanted(set()):
        assert run_node(node, cells.store, cells.plan.recipe.document.run, lambda _: None) == "done"
        steps.add(node.kind)
    assert {"tokenize", "hidden_states", "train", "gate", "predict", "score"} <= steps, steps
