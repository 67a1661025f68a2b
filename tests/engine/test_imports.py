"""Imported modules through the real command line: what peft, adapters and Layover wrote are intermediates."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from layover.compositions import get as composition
from layover.encoder import DropoutClock, Encoder
from layover.errors import RecipeError
from layover.identity import file_sha256
from layover.modules import get as module
from layover.packages.card import CARD, read_card
from layover.packages.package import open_package
from layover.plan import Plan, build
from layover.recipe import load
from layover.sandbox.encoders import folder_of
from layover.sharing.probe import largest_difference
from layover.steps.trained import trained_part
from layover.store import FileHashes, Store

MINI = str(folder_of("sandbox/mini"))

BEFORE = """\
schema: 1
name: before
models: {mini: {name: sandbox/mini}}
methods: {lora: {module: lora, rank: 4, alpha: 8, target: [query, value], lr: 3e-3}}
train: {batch: 16, epochs: 1, select: null}
tasks: {sandbox/nli: {limit: {train: 32, test: 8}}}
sweep: {model: [mini], method: [lora], target: [sandbox/nli]}
eval: {languages: [de]}
run: {workers: 1, threads: 1, device: cpu}
"""

AFTER = """\
schema: 1
name: after
models: {mini: {name: sandbox/mini}}
modules:
  mine: {path: foreign/lora}
  headed: {path: foreign/headed, task: sandbox/nli}
  pack: {path: packages/before}
  theirs: {path: foreign/bottleneck}
methods:
  warm:  {module: lora, rank: 4, alpha: 8, lr: 3e-3}
  stack: {module: lora, compose: stack, rank: 2, lr: 3e-3}
  merge: {module: lora, compose: merge, rank: 2, lr: 3e-3}
  fuse:  {module: lora, compose: {name: fuse, mixer: gated}, rank: 4, lr: 3e-3}
  arrow: {module: lora, compose: {name: route, router: arrow}, rank: 4, lr: 3e-3}
  direct: {module: lora, compose: {name: stack, on_top: none}}
  goes_on: {module: lora, compose: stack, head: continue, rank: 2, lr: 3e-3}
  further: {module: bottleneck, placement: houlsby, reduction: 8, activation: swish, lr: 1e-3}
train: {batch: 16, epochs: 1, select: null}
tasks:
  sandbox/nli: {limit: {train: 32, test: 8}}
  sandbox/paraphrase: {limit: {train: 32, test: 8}}
sweep:
  model: [mini]
  method: [warm, stack, merge, fuse, arrow, direct, goes_on, further]
  intermediate: [mine, headed, pack, [mine, pack], theirs]
  target: [sandbox/paraphrase, sandbox/nli, sandbox/aligned]
  seed: [1]
  exclude:
    - {target: sandbox/paraphrase, method: [direct, goes_on]}
    - {target: sandbox/nli, method: [warm, stack, merge, fuse, arrow]}
    - {target: sandbox/aligned, method: [stack, fuse, arrow, direct, goes_on]}
    - {target: [sandbox/nli, sandbox/aligned], method: further}
    - {target: sandbox/aligned, intermediate: [headed, pack, mine+pack, theirs]}
    - {method: [fuse, arrow], intermediate: [mine, headed, pack]}
    - {method: [goes_on, direct], intermediate: [mine+pack, theirs]}
eval: {languages: [de]}
run: {workers: 1, threads: 1, device: cpu}
"""
WITHOUT_ADAPTERS = (
    "sweep.method=[warm, stack, merge, fuse, arrow, direct, goes_on]",
    "sweep.intermediate=[mine, headed, pack, [mine, pack]]",
)


class Swept:
    """A folder with recipes, modules and a store."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.axes: tuple[str, ...] = ()

    def after(self, verb: str, *more: str, code: int = 0) -> str:
        """Run a verb on the recipe with imported modules."""
        return self.run(verb, "after.yaml", *self.axes, *more, code=code)

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run `layover ARGUMENTS` in the folder, hold it to its exit code, return what it said."""
        found = subprocess.run(
            [sys.executable, "-m", "layover", *arguments],
            cwd=self.root,
            capture_output=True,
            text=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            check=False,
        )
        said = found.stdout + found.stderr
        assert found.returncode == code, said
        assert "Traceback" not in said, said
        return said

    def nodes(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the identities of the finished nodes of a kind, by key."""
        found = {}
        for path in sorted(self.root.glob("store/nodes/*/*/done.json")):
            done = json.loads(path.read_text(encoding="utf-8"))
            if done["kind"] == kind:
                found[done["key"]] = done["identity"]
        return found

    def place(self, key: str) -> Path:
        """Return the folder of a finished node."""
        return self.root / "store" / "nodes" / key[:2] / key

    def imported(self, file: str) -> str:
        """Return the key of the import of a file of weights."""
        wanted = file_sha256(self.root / file)
        (key,) = (key for key, identity in self.nodes("import").items() if identity["weights"] == wanted)
        return key


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory, foreign: Path) -> Swept:
    """A finished sweep over modules of peft, of adapters where it is installed, and a package of Layover."""
    done = Swept(tmp_path_factory.mktemp("imports"))
    shutil.copytree(foreign, done.root / "foreign")
    for name, text in (("before", BEFORE), ("after", AFTER)):
        (done.root / f"{name}.yaml").write_text(text, encoding="utf-8")
    if find_spec("adapters") is None:
        done.axes = WITHOUT_ADAPTERS
    else:
        save_bottleneck(done.root / "foreign" / "bottleneck")
    done.run("run", "before.yaml")
    done.run("export", "before.yaml", "mini/lora/none/sandbox/nli/1", "--name", "before", "--to", "packages")
    said = done.after("run")
    assert re.search(r"\n(\d+) of \1 cells finished", said), said
    return done


def save_bottleneck(folder: Path) -> None:
    import adapters

    model = plain("bottleneck")
    adapters.init(model)
    model.add_adapter("theirs", config=adapters.DoubleSeqBnConfig(reduction_factor=8))
    torch.manual_seed(1)
    for name, weight in model.named_parameters():
        if "adapters" in name:
            torch.nn.init.normal_(weight, std=0.1)
    model.save_adapter(str(folder), "theirs", use_safetensors=True)


def stacked(swept: Swept, key: str) -> Encoder:
    """Return sandbox/mini with an import on it, and a fresh module on top."""
    encoder = Encoder.load(MINI, None, clock=DropoutClock(0), all_words=True)
    part = trained_part(Store(swept.root / "store"), key, "intermediate")
    fresh = module("lora")(rank=2)
    encoder.attach(composition("stack")().parts(fresh, [part], shape=encoder.shape, seed=0), seed=0)
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
    assert trained in {one.key for one in package.card.pieces} or len(swept.nodes("train")) > 1
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
    assert "it was trained on a deeper one (mini)" in said
    assert len(said.splitlines()) == 2
    assert len(list(swept.root.glob("store/nodes/*/*"))) == before


def planned(swept: Swept, *overrides: str) -> Plan:
    return build(load(swept.root / "after.yaml", (*swept.axes, *overrides)), FileHashes())


def changed(swept: Swept, name: str, change: Callable[[dict[str, Any]], object]) -> str:
    """Return the override that imports a copy of the package with another card."""
    folder = swept.root / "packages" / name
    shutil.copytree(swept.root / "packages" / "before", folder)
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    change(card)
    (folder / CARD).write_text(json.dumps(card), encoding="utf-8")
    return f"modules.pack.path=packages/{name}"


def test_a_card_of_another_shape_is_refused_by_the_plan(swept: Swept) -> None:
    override = changed(swept, "deep", lambda card: card["base"].update(num_layers=12))
    with pytest.raises(RecipeError, match=r"belongs to a xlm-roberta of 12 layers, 128 and 512 features wide, but the"):
        planned(swept, override)


def test_a_package_whose_file_was_changed_is_refused_by_the_plan(swept: Swept) -> None:
    override = changed(swept, "torn", dict)
    file = swept.root / "packages" / "torn" / "head.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    with pytest.raises(RecipeError, match=r"head\.safetensors: its SHA-256 is not that of the card"):
        planned(swept, override)


def test_a_package_that_leaves_layers_out_goes_with_methods_that_do(swept: Swept) -> None:
    override = changed(swept, "skipping", lambda card: card.update(skipped_layers=2))
    alone = ("sweep.intermediate=[pack]", "sweep.target=[sandbox/paraphrase]", "sweep.method=[stack]")
    with pytest.raises(
        RecipeError, match=r"pack was left out of the lowest 2 layers; adapterdrop: \{predict: 2\} does"
    ):
        planned(swept, override, *alone)
    assert planned(swept, override, *alone, "methods.stack.adapterdrop={predict: 2}").cells


def test_a_package_that_needs_others_is_no_module(swept: Swept) -> None:
    cell = "mini/stack/pack/sandbox/paraphrase/1"
    swept.run("export", "after.yaml", *swept.axes, cell, "--name", "on-top", "--to", "packages")
    folder = swept.root / "packages" / "on-top"
    pieces = read_card(folder).pieces
    assert [(one.role, one.package, one.key is None) for one in pieces] == [
        ("intermediate", "before", True),
        ("target", None, False),
    ]
    package = open_package(folder)
    encoder = Encoder.load(MINI, None, clock=DropoutClock(0), all_words=True)
    encoder.attach(package.pieces(), seed=0)
    probe = package.card.probe.model_copy(update={"outputs": None})
    assert largest_difference(probe, encoder, None) < 1e-6, "it is found by its hash beside the other"
    with pytest.raises(RecipeError, match=r"the package acts only together with others \(before\), so it is no module"):
        planned(swept, "modules.pack.path=packages/on-top")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("mini/stack/mine/sandbox/paraphrase/1", "rests on mine, a module that another library wrote"),
        ("mini/direct/pack/sandbox/nli/1", "nothing in it was trained here, neither a module nor a head; share what"),
    ],
)
def test_what_is_not_ours_is_not_exported(swept: Swept, cell: str, expected: str) -> None:
    said = swept.run("export", "after.yaml", *swept.axes, cell, "--to", "refused", code=2)
    assert expected in said
    assert not (swept.root / "refused").exists()


def test_a_package_tells_what_it_was_trained_on(swept: Swept) -> None:
    notes = planned(swept, "sweep.method=[goes_on]").notes
    assert "sandbox/nli after pack: it was trained on sandbox/nli, as the target is" in notes
    assert not [note for note in notes if note.startswith("pack: what it was trained on")]


def test_a_package_of_another_encoder_of_the_same_shape_fails_in_its_import(swept: Swept) -> None:
    override = changed(swept, "liar", lambda card: card["base"].update(weights_sha256="0" * 64))
    count = len(swept.nodes("import"))
    only = ("sweep.intermediate=[pack]", "sweep.method=[stack]", "sweep.target=[sandbox/paraphrase]")
    said = swept.run("run", "after.yaml", override, *only, code=1)
    assert "failed: import pack mini: pack: the package before was trained on another encoder of the same shape" in said
    assert "0 of 1 cells finished" in said
    assert len(swept.nodes("import")) == count, "though the same weights were imported before, from one that fits"


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
