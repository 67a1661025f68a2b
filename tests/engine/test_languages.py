"""Language adapters through the real command line: learned, swapped, fallen back to, and said in the record."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from layover import kinds, modules
from layover.compositions import AttachedModule
from layover.encoder import DropoutClock, Encoder
from layover.execution import Execution
from layover.heads import build
from layover.inference.predict import predict
from layover.steps.artifacts import load_examples, load_features
from layover.store import Store
from layover_sandbox import encoders

if TYPE_CHECKING:
    from tests.engine.conftest import Folder
pytestmark = pytest.mark.slow

RECIPE = """\
schema: 1
name: languages
models: {mini: {name: sandbox/mini}}
methods:
  lora: {module: lora, lr: 3e-3, rank: 2}
  mad: {module: lora, lr: 3e-3, rank: 2, languages: true}
train: {batch: 8, epochs: 1, max_length: 32, stride: 8, select: {language: sw}}
tasks:
  sandbox/paraphrase: {limit: {train: 16, validation: 8, test: 8}, eval: {languages: [en, sw, de]}}
  sandbox/copa: {limit: {train: 16, validation: 8, test: 8}}
  pairs: {kind: retrieval, files: {test: {sw: [pairs.sw.txt, pairs.en.txt]}}}
languages:
  module: bottleneck
  reduction: 4
  invertible: true
  lr: 1e-2
  limit: 64
  text: {en: sandbox/text, sw: sw.txt}
  fallback: en
sweep:
  model: [mini]
  method: [lora, mad]
  intermediate: [none, sandbox/copa]
  target: [sandbox/paraphrase, pairs]
run: {workers: 1, threads: 1, device: cpu}
"""

SENTENCES = {
    "sw": ["Paka amelala", "Mbwa anakimbia", "Mtoto anasoma kitabu", "Ndege anaruka juu ya mti"],
    "en": ["The cat sleeps", "The dog runs", "The child reads a book", "The bird flies above the tree"],
}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> Folder:
    """A finished sweep; tests only read it."""
    from tests.engine.conftest import Folder

    work = Folder(tmp_path_factory.mktemp("languages") / "work", encoder)
    for language, lines in SENTENCES.items():
        (work.root / f"pairs.{language}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (work.root / "sw.txt").write_text("\n".join(SENTENCES["sw"] * 8) + "\n", encoding="utf-8")
    (work.root / "languages.yaml").write_text(RECIPE, encoding="utf-8")
    work.run("run", "languages.yaml")
    work.run("report", "languages.yaml")
    return work


@pytest.fixture
def lines(swept: Folder) -> dict[tuple[str, str, str], dict[str, Any]]:
    """The lines of `records.jsonl` by method, intermediate and target."""
    (file,) = swept.root.glob("reports/*/records.jsonl")
    found = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return {(one["method"], one["intermediate"], one["target"]): one for one in found}


def test_the_record_says_whose_adapter_acted(lines: Mapping[tuple[str, str, str], dict[str, Any]]) -> None:
    for (method, _, target), line in lines.items():
        expected = {"en": "en", "sw": "sw", "de": "en"} if target != "pairs" else {"en": "en", "sw": "sw"}
        assert line["record"]["language_adapters"] == (expected if method == "mad" else None)


def nodes(swept: Folder) -> dict[str, dict[str, Any]]:
    found = (json.loads(file.read_text(encoding="utf-8")) for file in swept.root.glob("store/nodes/*/*/done.json"))
    return {done["key"]: done for done in found}


def test_one_adapter_per_language_is_learned_from_its_text(swept: Folder) -> None:
    learned = [done for done in nodes(swept).values() if done["identity"].get("module", {}).get("invertible")]
    files = [next(swept.root.glob(f"store/nodes/*/{done['key']}/training.json")) for done in learned]
    trainings = sorted((json.loads(file.read_text(encoding="utf-8")) for file in files), key=lambda one: one["rows"])
    assert [one["rows"] for one in trainings] == [32, trainings[-1]["rows"]], "each line of sw.txt is a row"
    assert trainings[-1]["rows"] >= 64
    for said in trainings:
        assert said["head_start"] == "pretrained"
        # 4 layers x 128: a bottleneck of 32 in each, and the coupling of two halves
        assert said["parameters"]["target"] == 4 * (2 * 128 * 32 + 32 + 128) + 2 * (2 * 64 * 32 + 32 + 64)


def part_of(store: Store, key: str) -> AttachedModule:
    """Return what a finished training trained."""
    settings = dict(store.done(key)["identity"]["module"])
    module = modules.get(settings.pop("name")).model_validate(settings)
    return AttachedModule(key, module, load_file(store.path(key) / "module.safetensors"), trainable=False)


def mini() -> Encoder:
    return Encoder.load(str(encoders.folder_of("sandbox/mini")), clock=DropoutClock(0)).eval()


def test_predictions_are_those_of_the_encoder_put_together_by_hand(swept: Folder) -> None:
    store, found, checked = Store(swept.root / "store"), nodes(swept), 0
    for done in found.values():
        identity = done["identity"]
        if done["kind"] != "predict" or "language" not in identity:
            continue
        train = found[identity["train"]]["identity"]
        if train["intermediate"] is not None:
            continue
        encoder = mini()
        encoder.attach([part_of(store, key) for key in (identity["language"], identity["train"])])
        head = build("classification", 128, len(train["labels"]), clock=encoder.clock, dropout=0.0)
        head.load_weights(load_file(store.path(identity["train"]) / "head.safetensors"), "head")
        features = load_features(store, identity["data"])
        outputs = predict(encoder, head, features, execution=Execution(device="cpu"))
        examples = load_examples(store, identity["data"], "classification")
        expected = kinds.get("classification").decode(outputs, features, examples, labels=tuple(train["labels"]))
        assert predictions(store, done["key"]) == json.loads(json.dumps(expected))
        checked += 1
    assert checked == 3


def test_sentences_of_two_languages_are_embedded_by_two_adapters(swept: Folder) -> None:
    store, found = Store(swept.root / "store"), nodes(swept)
    (done,) = [
        one for one in found.values() if one["identity"].get("languages") and one["identity"].get("train", 1) is None
    ]
    identity, encoder, sides = done["identity"], mini(), []
    ids, offsets = (load_features(store, identity["data"]).arrays[name] for name in ("ids", "offsets"))
    rows = [torch.from_numpy(ids[a:b].astype("int64"))[None] for a, b in itertools.pairwise(offsets)]
    for key, its in zip(identity["languages"], (rows[:4], rows[4:]), strict=True):
        encoder.set_language(part_of(store, key))
        with torch.no_grad():
            hidden = [next(encoder.after([3], row, torch.tensor([row.shape[1]]))) for row in its]
        sides.append(functional.normalize(torch.stack([one[0].mean(0) for one in hidden])))
    scores, places = (sides[0] @ sides[1].T).max(dim=1)
    said = predictions(store, done["key"])[:4]
    assert [one["id"] for one in said] == [str(int(place)) for place in places]
    assert [one["score"] for one in said] == pytest.approx(scores.tolist(), abs=1e-5)


def predictions(store: Store, key: str) -> list[Any]:
    return [json.loads(line) for line in (store.path(key) / "predictions.jsonl").read_text("utf-8").splitlines()]


def test_plan_and_why_know_of_them(swept: Folder) -> None:
    plan = json.loads(swept.run("plan", "languages.yaml", "--json"))
    assert plan["to_run"] == 0
    assert "mad: languages.text has no de; the adapter of en is used instead" in plan["notes"]
    changed = json.loads(swept.run("plan", "languages.yaml", "languages.lr=1e-3", "--json", "--nodes"))
    (cell,) = [
        one["key"] for one in changed["nodes"] if one["label"].startswith("train sandbox/paraphrase mini/mad seed")
    ]
    why = swept.run("why", cell, "languages.yaml", "languages.lr=1e-3")
    assert "languages.train > lr" in why
