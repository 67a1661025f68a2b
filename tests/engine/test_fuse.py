"""Intermediates that are fused, through the real command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file

from layover.encoder import DropoutClock, Encoder
from layover.specs.train import TrainSpec
from layover.steps.artifacts import weights_of
from layover.steps.trained import attachments_to_train, restore, spec_of
from layover.store import Store

if TYPE_CHECKING:
    from tests.engine.conftest import Folder

pytestmark = pytest.mark.slow

OTHER = (
    "tasks.other={kind: classification, labels: [no, yes], text: [text], label: label, "
    "files: {train: german.jsonl, validation: german.jsonl}}"
)
COMPOSE = "{name: fuse, mixer: low_rank, rank: 2, own: true, lr: 1e-2}"
SETTINGS = (
    OTHER,
    f"methods.fuse={{module: lora, lr: 3e-3, rank: 2, compose: {COMPOSE}}}",
    "sweep.method=[fuse]",
    "sweep.intermediate=[claims, [other, claims]]",
    "sweep.seed=[1]",
    "sweep.exclude=[]",
)


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> Folder:
    """A folder in which one and two intermediates were fused; tests only read it."""
    from tests.engine.conftest import Folder

    folder = Folder(tmp_path_factory.mktemp("fused") / "work", encoder)
    folder.run("run", "recipe.yaml", *SETTINGS)
    folder.run("report", "recipe.yaml", *SETTINGS, "--out", "out")
    return folder


def cells(folder: Folder) -> dict[str, dict[str, Any]]:
    """Return the cells of the report by their intermediate."""
    lines = (folder.root / "out" / "records.jsonl").read_text(encoding="utf-8").splitlines()
    return {cell["intermediate"]: cell for cell in map(json.loads, lines)}


@torch.no_grad()
@pytest.mark.parametrize("intermediate", ["claims", "other+claims"])
def test_a_finished_fusion_is_the_one_that_was_trained(fused: Folder, intermediate: str) -> None:
    store, key = Store(fused.root / "store"), cells(fused)[intermediate]["train_key"]
    source, spec = str(fused.root / "encoder"), spec_of(store, key, TrainSpec)
    encoder = Encoder.load(source, clock=DropoutClock(1)).eval()
    encoder.attach(attachments_to_train(store, spec, encoder.shape))
    ids = torch.randint(5, 100, (2, 9), generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([9, 9])
    fresh = encoder(ids, lengths)
    assert set(encoder.trained()) == {"mix", "target"}
    for name, weights in encoder.trained().items():
        for one, value in load_file(store.path(key) / weights_of(name)).items():
            assert not torch.equal(weights[one], value), "it was trained"
            # torch may add up a product in another order when a factor is to be trained
            weights[one].requires_grad_(requires_grad=False).copy_(value)
    restored, _ = restore(store, key, source, None)
    restored.need(ids.numpy())
    assert torch.equal(restored.eval()(ids, lengths), encoder(ids, lengths))
    assert not torch.equal(encoder(ids, lengths), fresh)
    assert not restored.trained()


def test_shares_stand_beside_the_predictions_and_in_the_report(fused: Folder) -> None:
    found = [json.loads(path.read_text("utf-8")) for path in fused.root.glob("store/nodes/*/*/shares.json")]
    assert len(found) == 2 * 2, "two fusions in two languages; the target alone mixes nothing"
    for shares in found:
        assert shares["tokens"] > 0
        assert set(shares["sites"]) == {f"layers.{layer}.{place}" for layer in (0, 1) for place in ("query", "value")}
        assert all(sum(values) == pytest.approx(1, abs=1e-5) for values in shares["sites"].values())
    with (fused.root / "out" / "shares.csv").open(encoding="utf-8") as stream:
        lines = list(csv.DictReader(stream))
    members = {name: {line["member"] for line in lines if line["intermediate"] == name} for name in cells(fused)}
    assert members == {"claims": {"claims", "own"}, "other+claims": {"other", "claims", "own"}}
    assert len(lines) == 2 * 4 * (2 + 3)
    report = (fused.root / "out" / "report.md").read_text(encoding="utf-8")
    assert "### moods: mixing weights" in report
    assert "| tiny | fuse | other+claims | claims | 1 |" in report
    assert (fused.root / "out" / "shares.png").is_file()


def test_the_names_in_the_report_are_those_of_their_weights(fused: Folder) -> None:
    store, cell = Store(fused.root / "store"), cells(fused)["other+claims"]
    members = store.done(cell["train_key"])["identity"]["intermediate"]
    trained = {line["label"]: line["key"] for line in _nodes(fused)}
    by_name = {name: trained[f"train {name} tiny/fuse seed 1"] for name in ("other", "claims")}
    assert members == sorted(by_name.values())
    with (fused.root / "out" / "shares.csv").open(encoding="utf-8") as stream:
        lines = [line for line in csv.DictReader(stream) if line["intermediate"] == "other+claims"]
    predictions = [
        path
        for path in fused.root.glob("store/nodes/*/*/shares.json")
        if store.done(path.parent.name)["identity"]["train"] == cell["train_key"]
    ]
    every = [json.loads(path.read_text("utf-8"))["sites"]["layers.1.query"] for path in predictions]
    for name, key in by_name.items():
        mine = {
            float(line["share"])
            for line in lines
            if (line["member"], line["layer"], line["place"]) == (name, "1", "query")
        }
        assert mine == {values[members.index(key)] for values in every}


def _nodes(folder: Folder) -> list[dict[str, str]]:
    planned = json.loads(folder.run("plan", "recipe.yaml", *SETTINGS, "--json", "--nodes"))
    nodes: list[dict[str, str]] = planned["nodes"]
    return nodes
