"""Masked language modelling through the real command line: pretraining on mixed text, and what comes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from layover.store import Store

if TYPE_CHECKING:
    from tests.engine.conftest import Folder
pytestmark = pytest.mark.slow

RECIPE = """\
schema: 1
name: pretrain
models: {tiny: {name: encoder}}
data_root: data
methods:
  full: {module: full, lr: 3e-3}
  lora: {module: lora, lr: 3e-3, rank: 2}
train: {batch: 16, epochs: 8, max_length: 24, stride: 4, select: {every: 4, patience: 50}}
tasks:
  corpus: {kind: mlm, train_language: en, text: [text, translation], holdout: 12,
           files: {train: corpus.jsonl, test: corpus.jsonl}}
  lines: {kind: mlm, train_language: en, text: [text], holdout: 4,
          files: {train: lines.txt, test: {en: lines.txt, de: german.txt}}}
  moods: {kind: classification, labels: [no, yes], text: [text], label: label,
          files: {train: moods.jsonl, validation: moods.jsonl, test: {en: moods.jsonl}}}
sweep:
  model: [tiny]
  method: [full]
  intermediate: [none]
  target: [corpus]
  seed: [1]
run: {workers: 1, threads: 1, device: cpu, micro_batch_tokens: 4096}
"""

NAMES = ("tree", "house", "river", "stone")
TRANSLATIONS = ("Baum", "Haus", "Fluss", "Stein")


def text_of(number: int) -> str:
    return f"{NAMES[number % 4]} number {number} is {'not ' if number % 3 else ''}here"


@pytest.fixture
def work(folder: Folder) -> Folder:
    """A folder with a corpus of which every third text has a translation, and one text fills several rows."""
    rows = []
    for number in range(72):
        translation = f"{TRANSLATIONS[number % 4]} Nummer {number} ist hier" if number % 3 == 0 else None
        rows.append({"text": text_of(number), "translation": translation})
    rows[5]["text"] = " ".join(text_of(number) for number in range(20))
    data = folder.root / "data"
    (data / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (data / "lines.txt").write_text("\n".join(text_of(number) for number in range(20)), encoding="utf-8")
    (data / "german.txt").write_text("Katze Nummer 1 ist hier\n\nHund Nummer 2 ist hier\n", encoding="utf-8")
    (folder.root / "mlm.yaml").write_text(RECIPE, encoding="utf-8")
    return folder


def found(folder: Folder, name: str) -> list[dict[str, Any]]:
    return [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.root.glob(f"store/nodes/*/*/{name}"))
    ]


def test_from_text_to_table(work: Folder) -> None:
    said = work.run("run", "mlm.yaml")
    assert "method  intermediate  mlm_accuracy" in said
    (record,) = found(work, "record.json")
    scores = record["languages"]["en"]
    assert record["metrics"] == ["mlm_accuracy", "mlm_loss"]
    assert record["examples"] == {"en": 72}
    (training,) = found(work, "training.json")
    assert training["head_start"] == "random"
    assert training["criterion"] == "mlm_accuracy"
    assert training["parameters"]["head"] == 32 * 32 + 32 + 2 * 32 + 300
    losses = [one["metrics"]["mlm_loss"] for one in training["history"]]
    assert losses[0] > 4.5, "a fresh model knows nothing: the loss begins near ln 300"
    assert min(losses) < losses[0] - 1.5, "it learns"
    accuracies = [one["metrics"]["mlm_accuracy"] for one in training["history"]]
    kept = accuracies.index(max(accuracies))
    assert training["best_step"] == training["history"][kept]["step"]
    assert scores["mlm_loss"] == pytest.approx(losses[kept], abs=0.5), "the weights that were kept are those scored"
    (predictions,) = work.root.glob("store/nodes/*/*/predictions.jsonl")
    lines = [json.loads(line) for line in predictions.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 72
    masked = sum(line["masked"] for line in lines)
    assert scores["mlm_accuracy"] == pytest.approx(100 * sum(line["correct"] for line in lines) / masked)
    assert scores["mlm_loss"] == pytest.approx(sum(line["nats"] for line in lines) / masked)
    assert lines[5]["masked"] > 10, "the windows of a long text are one example"
    work.run("report", "mlm.yaml", "--out", "out")
    report = (work.root / "out" / "report.md").read_text(encoding="utf-8")
    assert "### corpus: mlm_loss (nats per masked token, lower is better)" in report
    plan = json.loads(work.run("plan", "mlm.yaml", "--json"))
    assert (plan["to_run"], plan["cells_finished"]) == (0, 1)
    status = json.loads(work.run("status", "mlm.yaml", "--json"))
    assert status["cells"] == {"corpus": [1, 1]}


def test_the_cut_of_the_work_does_not_change_the_key_or_the_result(work: Folder) -> None:
    short = ("run", "mlm.yaml", "train.epochs=2")
    work.run(*short)
    (whole,) = found(work, "training.json")
    work.run(*short, "run.micro_batch_tokens=24", "--store", "other")
    (cut,) = [json.loads(path.read_text(encoding="utf-8")) for path in work.root.glob("other/nodes/*/*/training.json")]
    for one, other in zip(whole["history"], cut["history"], strict=True):
        assert other["loss"] == pytest.approx(one["loss"], abs=1e-3)
    mine, theirs = (
        {path.parent.name for path in work.root.glob(f"{store}/nodes/*/*/done.json")} for store in ("store", "other")
    )
    assert mine == theirs


def test_a_stopped_pretraining_goes_on_to_equal_bits(work: Folder) -> None:
    long = ("run", "mlm.yaml", "train.epochs=80", "train.select.every=60")
    work.stop_in_training(*long, after=160)
    work.run(*long)
    assert any(one["resumed_at"] for one in found(work, "measured.json")), work.said
    work.run(*long, "--store", "other")
    resumed, straight = (
        {
            f"{path.parent.name}/{path.name}": path.read_bytes()
            for name in ("*.safetensors", "predictions.jsonl", "training.json", "record.json")
            for path in work.root.glob(f"{store}/nodes/*/*/{name}")
        }
        for store in ("store", "other")
    )
    assert resumed == straight


def test_pretrained_weights_go_on_into_a_task_and_into_other_kinds_of_text(work: Folder) -> None:
    arguments = ("mlm.yaml", "sweep.intermediate=[none, corpus]", "sweep.target=[moods, lines]", "train.epochs=2",
                 "sweep.method=[full, lora]", "train.select=null")  # fmt: skip
    work.run("run", *arguments)
    records = found(work, "record.json")
    assert len(records) == 8
    german = [record for record in records if "mlm_loss" in record["metrics"]]
    assert len(german) == 4
    assert all(set(record["languages"]) == {"en", "de"} for record in german)


def test_a_checkpoint_with_a_head_starts_from_it(work: Folder, tmp_path: Path) -> None:
    import torch
    from transformers import XLMRobertaForMaskedLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = XLMRobertaForMaskedLM.from_pretrained(work.root / "encoder")
    model.save_pretrained(tmp_path / "mlm")
    for file in (work.root / "encoder").iterdir():
        if not (tmp_path / "mlm" / file.name).exists():
            (tmp_path / "mlm" / file.name).symlink_to(file.resolve())
    work.run("run", "mlm.yaml", f"models.tiny.name={tmp_path / 'mlm'}", "train.epochs=1")
    (training,) = found(work, "training.json")
    assert training["head_start"] == "pretrained"


def test_a_pretrained_encoder_becomes_a_directory_with_a_card(work: Folder) -> None:
    import hashlib

    import torch
    from transformers import AutoTokenizer, XLMRobertaForMaskedLM

    packed = ("sandbox", "package", "mlm.yaml", "packed", "train.select=null", "--model", "tiny")
    assert "there is no store at" in work.run(*packed, code=2)
    Store(work.root / "store")
    assert "its training is not finished" in work.run(*packed, code=2)
    work.run("run", "mlm.yaml", "train.select=null")
    assert "no cell of the recipe trains all weights of 'tinny'" in work.run(*packed[:-1], "tinny", code=2)
    assert not (work.root / "packed").exists()
    work.run(*packed)
    folder = work.root / "packed"
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    (record,), (training,) = found(work, "record.json"), found(work, "training.json")
    assert (work.root / "store/nodes" / card["recipe_key"][:2] / card["recipe_key"] / "training.json").is_file()
    assert card["loss_curve"] == training["loss_curve"]
    assert card["steps"] == training["steps"]
    # the numbers are those of the rounded weights, close to those of the trained ones
    assert card["held_out"]["en"]["mlm_loss"] == pytest.approx(record["languages"]["en"]["mlm_loss"], abs=0.01)
    files = {file.name for file in folder.iterdir()} - {"card.json"}
    assert set(card["files"]) == files
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= files
    for name, expected in card["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == expected
    model, report = XLMRobertaForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert model.dtype in {torch.float16, torch.float32}
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert len(AutoTokenizer.from_pretrained(folder)) == model.config.vocab_size
    assert "already exists; name another folder" in work.run(*packed, code=2)
    assert "several cells of the recipe match" in work.run(*packed, "sweep.seed=[1, 2]", code=2)
    assert str(work.root) not in json.dumps(card)


def test_the_loss_curve_is_the_mean_of_stretches(work: Folder) -> None:
    work.run("run", "mlm.yaml", "train.select=null", "train.epochs=20")
    (training,) = found(work, "training.json")
    curve = training["loss_curve"]
    assert curve["every"] == training["steps"] // 50
    assert len(curve["losses"]) == training["steps"] // curve["every"]
    assert curve["losses"][0] > curve["losses"][-1] + 1


def test_the_share_of_hidden_tokens_is_part_of_a_training_and_of_no_evaluation(work: Folder) -> None:
    def keys(*overrides: str) -> dict[str, str]:
        nodes = json.loads(work.run("plan", "mlm.yaml", "--json", "--nodes", *overrides))["nodes"]
        return {node["label"]: node["key"] for node in nodes}

    usual, more = keys(), keys("tasks.corpus.mlm_probability=0.3")
    assert keys("tasks.corpus.mlm_probability=0.15") == usual
    changed = {label for label in usual if usual[label] != more[label]}
    assert {label.split()[0] for label in changed} == {"tokenize", "train", "predict", "score"}
    assert [label for label in changed if label.startswith("tokenize")] == ["tokenize corpus train en"]
    said = work.run("check", "mlm.yaml", "tasks.corpus.mlm_probability=1.5", code=2)
    assert "tasks.corpus.mlm_probability" in said
