"""Labels from training data, weighed, through the real command line: head, scores of labels, report, package."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from safetensors import safe_open
from sklearn.metrics import matthews_corrcoef, precision_recall_fscore_support

from layover.store.files import sealed

if TYPE_CHECKING:
    from tests.engine.conftest import Folder

pytestmark = pytest.mark.slow

RECIPE = """\
schema: 1
name: tickets
models: {tiny: {name: encoder}}
data_root: data
methods: {lora: {module: lora, lr: 1e-2, rank: 4}}
train: {batch: 8, epochs: 4, max_length: 24, stride: 4}
tasks:
  tickets: {kind: classification, labels: from training, text: [text], train_language: en, class_weights: balanced,
            metrics: [accuracy, macro_f1, mcc],
            files: {train: train.jsonl, validation: dev.jsonl, test: {en: test.jsonl, de: de.jsonl}}}
sweep: {model: [tiny], method: [lora], target: [tickets], seed: [1]}
run: {workers: 1, threads: 1, device: cpu}
"""
TEXTS = {3: "the cat is here", 10: "no dog is not there", 7: "house"}
TRAINING = {3: 24, 10: 12, 7: 4}


def write(path: Path, counts: dict[int, int]) -> None:
    each = [(label, number) for label, count in counts.items() for number in range(count)]
    rows = [{"text": f"{TEXTS.get(label, 'river')} {number}", "label": label} for label, number in each]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> Folder:
    """A finished sweep over a task whose labels are numbers, some of them rare, one only in the test data."""
    from tests.engine.conftest import Folder as Work

    work = Work(tmp_path_factory.mktemp("classes") / "work", encoder)
    data = work.root / "data"
    write(data / "train.jsonl", TRAINING)
    write(data / "dev.jsonl", {3: 4, 10: 2, 7: 1, 42: 1})
    write(data / "test.jsonl", {3: 6, 10: 3, 7: 2, 42: 2})
    write(data / "de.jsonl", {3: 2, 10: 2})
    (work.root / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    work.run("run", "recipe.yaml")
    return work


def one(folder: Folder, name: str) -> Any:
    (path,) = folder.root.glob(f"store/nodes/*/*/{name}")
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_head_has_the_labels_of_the_training_data_and_their_weights(done: Folder) -> None:
    (head,) = done.root.glob("store/nodes/*/*/head.safetensors")
    with safe_open(head, framework="numpy") as weights:
        assert weights.get_tensor("out.weight").shape[0] == len(TRAINING)
    told = one(done, "training.json")["class_weights"]
    assert list(told) == ["10", "3", "7"]
    total = sum(TRAINING.values())
    assert told == pytest.approx({str(label): total / (3 * count) for label, count in TRAINING.items()})


def test_the_counts_of_labels_are_those_of_the_predictions(done: Folder) -> None:
    done.run("predictions", "recipe.yaml", "--out", "said.csv")
    with (done.root / "said.csv").open(encoding="utf-8", newline="") as stream:
        lines = [line for line in csv.DictReader(stream) if line["language"] == "en"]
    golds, said = [line["gold"] for line in lines], [line["prediction"] for line in lines]
    assert golds.count("42") == 2
    assert "42" not in said
    (record,) = (json.loads(raw) for raw in done.records().values())
    assert record["metrics"] == ["accuracy", "macro_f1", "mcc"]
    scores = record["languages"]["en"]
    assert scores["mcc"] == pytest.approx(100 * matthews_corrcoef(golds, said))
    counts = one(done, "classes.json")["languages"]
    assert list(counts) == ["de", "en"]
    labels = sorted({*golds, *said})
    _, _, f1, support = precision_recall_fscore_support(golds, said, labels=labels, zero_division=0)
    assert {label: each["gold"] for label, each in counts["en"]["labels"].items()} == dict(
        zip(labels, support.tolist(), strict=True)
    )
    assert scores["macro_f1"] == pytest.approx(100 * f1.mean())
    right = sum(each["right"] for each in counts["en"]["labels"].values())
    assert scores["accuracy"] == pytest.approx(100 * right / len(golds))
    assert right + sum(times for _, _, times in counts["en"]["confused"]) == len(golds)


def test_report_and_package_tell_of_labels_and_weights(done: Folder) -> None:
    done.run("report", "recipe.yaml")
    folder = done.root / "reports" / "tickets"
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "### tickets: labels" in text
    assert "| `42` (not in the training data) | – | 0.0 | 0.0 | 2 |" in text
    assert "### tickets: confusion" in text
    assert "| tickets accuracy (2 languages) |" in text
    with (folder / "classes.csv").open(encoding="utf-8", newline="") as stream:
        assert {line["label"] for line in csv.DictReader(stream)} == {"3", "7", "10", "42"}
    with (folder / "confusion.csv").open(encoding="utf-8", newline="") as stream:
        assert sum(int(line["count"]) for line in csv.DictReader(stream)) == 13 + 4
    done.run("export", "recipe.yaml", "tiny/lora/none/tickets/1", "--name", "mine", "--to", "packages")
    package = done.root / "packages" / "mine"
    card = (package / "README.md").read_text(encoding="utf-8")
    assert "| class weights | 10 1.111, 3 0.5556, 7 3.333 |" in card
    (done.root / "new.jsonl").write_text('{"text": "the cat is here"}\n', encoding="utf-8")
    said = done.run("predict", "--package", str(package), "--base", "encoder", "new.jsonl")
    assert json.loads(said.splitlines()[-1])["label"] in {"3", "7", "10"}


def test_a_cell_that_was_scored_without_counts_is_said(done: Folder) -> None:
    (path,) = done.root.glob("store/nodes/*/*/classes.json")
    seal = path.parent / "done.json"
    kept = {file: file.read_bytes() for file in (path, seal)}
    before = {name: value for name, value in json.loads(kept[seal]).items() if name != "digest"}
    del before["files"][path.name]
    path.unlink()
    seal.write_text(json.dumps(sealed(before)), encoding="utf-8")
    try:
        done.run("report", "recipe.yaml", "--out", "older")
        text = (done.root / "older" / "report.md").read_text(encoding="utf-8")
    finally:
        for file, content in kept.items():
            file.write_bytes(content)
    assert "1 of 1 scored cells have no counts of labels" in text
    assert ": confusion" not in text
    assert not (done.root / "older" / "classes.csv").exists()


def test_gold_that_training_lacks_is_told(done: Folder) -> None:
    said = done.run("data", "check", "--recipe", "recipe.yaml")
    assert "test en: 2 of 13 gold labels are not in the training data and count as wrong" in said
    said = done.run("plan", "recipe.yaml", "tasks.tickets.class_weights={5: 2}", code=2)
    assert "tasks.tickets.class_weights.5: '5' is not a label of tickets; one of: 10, 3, 7" in said
