"""Imported modules through the real command line: what peft, adapters and Layover wrote are intermediates."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file

from layover.compositions import get as composition
from layover.encoder import DropoutClock, Encoder
from layover.inference.probe import largest_difference
from layover.modules import get as module
from layover.packages.card import read_card
from layover.packages.package import open_package
from layover.steps.trained import trained_module
from layover.store import Store
from layover_sandbox.encoders import folder_of

if TYPE_CHECKING:
    from tests.engine.conftest import Swept

MINI = str(folder_of("sandbox/mini"))


def stacked(swept: Swept, key: str) -> Encoder:
    """Return sandbox/mini with an import on it, and a fresh module on top."""
    encoder = Encoder.load(MINI, None, clock=DropoutClock(0), all_words=True)
    part = trained_module(Store(swept.root / "store"), key, "intermediate")
    fresh = module("lora")(rank=2)
    encoder.attach(composition("stack")().attachments(fresh, [part], shape=encoder.shape, seed=0))
    return encoder.eval()


def outputs(encoder: Encoder) -> torch.Tensor:
    with torch.inference_mode():
        return encoder(ids(), torch.full((3,), 17))


def ids() -> torch.Tensor:
    """Return rows of one length: where nothing is padded the libraries do the very same sums as we."""
    return torch.randint(4, 4000, (3, 17), generator=torch.Generator().manual_seed(7))


def plain(name: str) -> Any:
    from transformers import AutoModel, AutoModelForSequenceClassification

    kind = AutoModelForSequenceClassification if name == "headed" else AutoModel
    settings = {"num_labels": 3} if name == "headed" else {"add_pooling_layer": False}
    return kind.from_pretrained(MINI, dtype=torch.float32, **settings)


@pytest.mark.parametrize("name", ["lora", "headed"])
def test_a_stack_on_a_module_of_peft_begins_as_peft_has_it(swept: Swept, name: str) -> None:
    from peft import PeftModel

    model = PeftModel.from_pretrained(plain(name), swept.root / "foreign" / name).eval()
    bare = model.base_model.model
    with torch.inference_mode():
        theirs = (bare.roberta if name == "headed" else bare)(ids(), torch.ones(3, 17)).last_hidden_state
        alone = plain(name).eval()
        nothing = (alone.roberta if name == "headed" else alone)(ids(), torch.ones(3, 17)).last_hidden_state
    ours = outputs(stacked(swept, swept.imported(f"foreign/{name}/adapter_model.safetensors")))
    assert torch.equal(ours, theirs)
    assert float((theirs - nothing).abs().max()) > 0.01, "it does something"


def test_a_stack_on_a_package_begins_as_the_package(swept: Swept) -> None:
    folder = swept.root / "packages" / "before"
    package, key = open_package(folder), swept.imported("packages/before/adapter_model.safetensors")
    encoder = stacked(swept, key)
    assert largest_difference(package.card.probe.model_copy(update={"outputs": None}), encoder, None) < 1e-6
    trained = next(iter(swept.nodes("train")))
    assert trained in {one.key for one in package.card.attachments} or len(swept.nodes("train")) > 1
    own = swept.place(package.card.key)
    for name in ("module.safetensors", "head.safetensors"):
        first, again = (load_file(place / name) for place in (own, swept.place(key)))
        assert first.keys() == again.keys()
        assert all(torch.equal(first[weight], again[weight]) for weight in first)


def test_each_is_imported_once_and_a_second_run_computes_nothing(swept: Swept) -> None:
    assert len(swept.nodes("import")) == (3 if swept.axes else 4)
    assert swept.after("run").startswith("0 of ")
    swept.after("report")
    assert "| mini | fuse | mine+pack |" in (swept.root / "reports/after/report.md").read_text(encoding="utf-8")
    costs = (swept.root / "reports/after/costs.csv").read_text(encoding="utf-8").splitlines()
    before = {tuple(line.split(",")[1:4]): line.split(",")[-1] for line in costs[1:]}
    assert before["warm", "mine", "sandbox/paraphrase"] == "", "nobody knows what its training took"


def test_a_moved_folder_is_the_same_module(swept: Swept) -> None:
    shutil.copytree(swept.root / "foreign" / "lora", swept.root / "moved", dirs_exist_ok=True)
    assert swept.after("run", "modules.mine.path=moved").startswith("0 of ")


def test_every_composition_takes_them(swept: Swept) -> None:
    record = json.loads(swept.after("plan", "--json", "--nodes"))
    labels = {node["label"] for node in record["nodes"]}
    for method, intermediate in (
        ("warm", "mine"),
        ("merge", "mine+pack"),
        ("fuse", "mine+pack"),
        ("arrow", "mine+pack"),
    ):
        assert f"train sandbox/paraphrase mini/{method} after {intermediate} seed 1" in labels
    assert ("train sandbox/paraphrase mini/further after theirs seed 1" in labels) == (not swept.axes)


def test_with_nothing_on_top_a_package_predicts_as_it_was_trained_to(swept: Swept) -> None:
    (composed,) = (key for key, one in swept.nodes("compose").items() if one["kind"] == "classification")
    own = read_card(swept.root / "packages" / "before").key
    predictions = {one["train"]: swept.place(key) for key, one in swept.nodes("predict").items() if one.get("train")}
    first, again = ((predictions[key] / "predictions.jsonl").read_bytes() for key in (own, composed))
    assert len(first.splitlines()) == 8
    assert first == again


def test_a_target_goes_on_with_the_head_of_a_package(swept: Swept) -> None:
    starts = {}
    for key, identity in swept.nodes("train").items():
        if "entailment" in identity["labels"] and identity["intermediate"]:
            training = json.loads((swept.place(key) / "training.json").read_text(encoding="utf-8"))
            starts[identity["intermediate"]] = training["head_start"]
    assert starts[swept.imported("packages/before/adapter_model.safetensors")] == "intermediate"
    assert starts[swept.imported("foreign/lora/adapter_model.safetensors")] == "random"


def test_retrieval_asks_the_encoder_with_an_imported_module_on_it(swept: Swept) -> None:
    mine = swept.imported("foreign/lora/adapter_model.safetensors")
    composed = {key: one for key, one in swept.nodes("compose").items() if one["kind"] is None}
    assert {key for one in composed.values() for key in [one["intermediate"]]} == {mine}
    found = {
        one["train"]: (swept.place(key) / "predictions.jsonl").read_bytes()
        for key, one in swept.nodes("predict").items()
        if "retrieval" in one
    }
    assert found.keys() == composed.keys()
    assert len(composed) == 2, "alone, as warm has it, and folded in"
    alone, folded = ([json.loads(line) for line in found[key].splitlines()] for key in composed)
    assert len(alone) == len(folded) > 100
    same = [one["id"] == other["id"] for one, other in zip(alone, folded, strict=True)]
    assert sum(same) > 0.99 * len(same), "rounding alone makes a difference"


@pytest.mark.parametrize("verb", ["plan", "run"])
def test_a_module_of_another_encoder_stops_before_anything_runs(swept: Swept, verb: str) -> None:
    before = len(list(swept.root.glob("store/nodes/*/*")))
    said = swept.after(verb, "modules.mine.path=foreign/deeper", "tasks.sandbox/paraphrase.limit.train=9", code=2)
    assert said.startswith("layover: 1 problem in the recipe\n")
    assert "modules.mine: " in said
    assert "the module was trained on a deeper encoder (mini)" in said
    assert len(said.splitlines()) == 2
    assert len(list(swept.root.glob("store/nodes/*/*"))) == before


def test_a_bottleneck_of_adapters_begins_as_adapters_has_it(swept: Swept) -> None:
    adapters = pytest.importorskip("adapters", reason="the extra adapterhub is not installed")
    model = plain("bottleneck")
    adapters.init(model)
    model.load_adapter(str(swept.root / "foreign" / "bottleneck"), set_active=True, use_safetensors=True)
    with torch.inference_mode():
        theirs = model.eval()(ids(), torch.ones(3, 17)).last_hidden_state
    ours = outputs(stacked(swept, swept.imported("foreign/bottleneck/adapter.safetensors")))
    assert torch.equal(ours, theirs)
    assert not torch.equal(ours, outputs(stacked(swept, swept.imported("foreign/lora/adapter_model.safetensors"))))
