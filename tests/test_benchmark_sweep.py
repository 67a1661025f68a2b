"""The sweep benchmark: its loops read the same rows as `layover run`, and a killed run keeps what it has measured."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tests.tiny import tiny_model

from layover import kinds
from layover.data.tokenizer import Tokenizer
from layover.recipe import load
from layover_sandbox.encoders import folder_of

FOLDER = Path(__file__).parent.parent / "benchmarks"
LONGEST = 12
"""Tokens of the longest input; some rows are longer."""
ROWS: dict[str, list[dict[str, Any]]] = {
    "classification": [
        {"first": "Sara has a lamp.", "second": "Sara has no lamp.", "label": "no"},
        {"first": "Viktor bought three apples in Berlin on Monday.", "second": "Viktor was in Berlin.", "label": "yes"},
        {"first": "It was dark.", "second": "It was night.", "label": "yes"},
        {"first": "A.", "second": "A.", "label": "no"},
    ],
    "choice": [
        {"text": "It was dark.", "choices": ["Viktor laughed.", "Viktor needed the lamp."], "label": 1},
        {"text": "Sara drank the water.", "choices": ["The bottle was empty.", "It was Monday."], "label": 0},
        {"text": "A.", "choices": ["A.", "It was."], "label": 1},
    ],
    "tagging": [
        {"tokens": ["Sara", "saw", "Viktor", "."], "tags": ["B-PER", "O", "B-PER", "O"]},
        {"tokens": ["Berlin", "was", "dark"], "tags": ["B-LOC", "O", "O"]},
    ],
}
LABELS = {"classification": ["no", "yes"], "choice": [], "tagging": ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]}
METRICS = {"classification": "accuracy", "choice": "accuracy", "tagging": "seqeval_f1"}


def task_of(kind: str) -> dict[str, Any]:
    labels, test = LABELS[kind], {"en": f"{kind}.jsonl", "de": f"{kind}.jsonl"}
    return {
        "name": kind,
        "kind": kind,
        "labels": labels,
        "metric": METRICS[kind],
        "train": f"{kind}.jsonl",
        "test": test,
    }


def module(name: str) -> Any:
    sys.path.insert(0, str(FOLDER))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    for kind, rows in ROWS.items():
        (folder / f"{kind}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with the sandbox's tokenizer."""
    folder, own = tmp_path_factory.mktemp("encoder"), folder_of("sandbox/small")
    assert own is not None
    tiny_model(vocabulary=json.loads((own / "config.json").read_text())["vocab_size"]).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((own / name).read_bytes())
    return folder


def wanted(encoder: Path, data: Path, **changed: Any) -> dict[str, Any]:
    settings = {"batch": 2, "epochs": 2, "lr": 1e-2, "dropout": 0.0, "precision": "fp32", "top": None, "threads": 1}
    return {"folder": str(encoder), "data": str(data), "max_length": LONGEST, **settings, **changed}


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("padded", [True, False])
def test_all_ways_read_the_same_tokens_and_gold(encoder: Path, data: Path, kind: str, padded: bool) -> None:
    expert = module("_expert").Expert(wanted(encoder, data))
    rows = expert.rows(task_of(kind), f"{kind}.jsonl")
    user = module("_naive").dataset(
        {**wanted(encoder, data), "task": task_of(kind), "padded": padded}, f"{kind}.jsonl", expert.tokenizer
    )
    ids = [each if kind == "choice" else [each] for each in user["input_ids"]]
    assert all(len(row) == LONGEST for unit in ids for row in unit) == padded
    real = [[[token for token in row if token != expert.tokenizer.pad_token_id] for row in unit] for unit in ids]
    assert real == rows.ids
    labels = user["labels"]
    if kind == "tagging":  # padding has no tag
        labels = [each[: len(own)] for each, own in zip(labels, rows.gold, strict=True)]
    assert list(labels) == rows.gold
    ours = encoded(kind, encoder)
    offsets = ours.arrays["offsets"]
    flat = [ours.arrays["ids"][start:end].tolist() for start, end in pairwise(offsets)]
    assert flat == [row for unit in rows.ids for row in unit]


def encoded(kind: str, encoder: Path) -> Any:
    of = kinds.get(kind)
    example = importlib.import_module(f"layover.kinds.{kind}").Example
    made = {
        "classification": lambda row: example(row["first"], row["second"], row["label"]),
        "choice": lambda row: example(row["text"], tuple(row["choices"]), row["label"]),
        "tagging": lambda row: example(tuple(row["tokens"]), tuple(row["tags"])),
    }[kind]
    examples = [made(row) for row in ROWS[kind]]
    return of.encode(examples, Tokenizer.load(encoder), labels=tuple(LABELS[kind]), max_length=LONGEST, stride=4)


@pytest.mark.parametrize("kind", ROWS)
def test_a_run_of_the_expert_does_not_depend_on_the_runs_before(encoder: Path, data: Path, kind: str) -> None:
    expert = module("_expert").Expert(wanted(encoder, data))
    frozen = {name: weight.clone() for name, weight in expert.encoder.named_parameters() if not weight.requires_grad}

    def run(start: Any) -> tuple[Any, list[torch.Tensor]]:
        head = expert.train(task_of(kind), 1, start)
        return expert.scores(task_of(kind), head), [weight.detach().clone() for weight in expert.lora]

    scores, learned = run(None)
    assert any(not torch.equal(one, other) for one, other in zip(learned, run(learned)[1], strict=True))
    again, same = run(None)
    assert again == scores
    assert all(map(torch.equal, learned, same))
    for name, weight in expert.encoder.named_parameters():
        if not weight.requires_grad:
            assert torch.equal(weight, frozen[name])
    assert set(scores) == {"en", "de"}
    assert scores["en"] == scores["de"], "the same rows"


def test_the_expert_learns_the_rows_that_it_sees(encoder: Path, data: Path) -> None:
    expert = module("_expert").Expert(wanted(encoder, data, epochs=40))
    for kind in ROWS:
        head = expert.train(task_of(kind), 1, None)
        assert expert.scores(task_of(kind), head) == {"en": 100.0, "de": 100.0}


def test_the_top_layers_alone_have_a_lora_and_bf16_keeps_it_in_float32(encoder: Path, data: Path) -> None:
    expert = module("_expert").Expert(wanted(encoder, data, top=1, precision="bf16"))
    trained = {name: weight for name, weight in expert.encoder.named_parameters() if weight.requires_grad}
    assert trained
    assert all(".layer.1." in name and weight.dtype == torch.float32 for name, weight in trained.items())
    assert expert.encoder.get_input_embeddings().weight.dtype == torch.bfloat16
    head = expert.train(task_of("classification"), 1, None)
    assert np.isfinite(list(expert.scores(task_of("classification"), head).values())).all()


def test_the_peers_compute_in_float32_whatever_the_file_has(encoder: Path, data: Path, tmp_path: Path) -> None:
    for file in encoder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    transformers.AutoModel.from_pretrained(encoder, dtype=torch.float16).save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text()).keys() & {"dtype", "torch_dtype"}
    wish = {**wanted(tmp_path, data), "task": task_of("classification"), "start": None}
    for model in (module("_naive").model_of(wish), module("_expert").Expert(wish).encoder):
        assert {weight.dtype for weight in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("style", ["USER", "EXPERT"])
def test_the_trainer_has_the_settings_of_a_loop(style: str, tmp_path: Path) -> None:
    settings, grouped = getattr(module("sweep"), style), module("_grouped").GROUPED
    given = {**(grouped if settings["grouped"] else {}), **settings["arguments"]}
    made = transformers.TrainingArguments(output_dir=str(tmp_path), use_cpu=True, **given)
    (name,) = grouped
    assert (getattr(made, name) == grouped[name]) == (style == "EXPERT")


def arguments(output: Path | None, **changed: Any) -> argparse.Namespace:
    return argparse.Namespace(**{"output": output, "quick": False, "seeds": 2, "only": ["a"]} | changed)


def test_a_killed_benchmark_keeps_its_rows(tmp_path: Path) -> None:
    kept_of, output = module("_common").Kept, tmp_path / "sweep.json"
    kept_of("sweep", arguments(output), apart={"only"}).add("1: loop", {"cpu": 2.5})
    resumed = kept_of("sweep", arguments(output, only=["b"]), apart={"only"})
    assert resumed.rows["1: loop"]["cpu"] == 2.5
    assert kept_of("sweep", arguments(output, seeds=3)).rows == {}, "other arguments, other rows"
    resumed.end()
    assert kept_of("sweep", arguments(output), apart={"only"}).rows == {}
    assert list(tmp_path.iterdir()) == []


def test_a_quick_run_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    common = module("_common")
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    common.Kept("sweep", arguments(None, quick=True)).add("1: loop", {"cpu": 2.5})
    common.finish("sweep", arguments(None, quick=True), {})
    assert list(tmp_path.iterdir()) == []


def test_a_part_of_a_benchmark_does_not_replace_its_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    common = module("_common")
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    common.Kept("limit", arguments(None), whole=False).add("mini", {"cpu": 2.5})
    common.finish("limit", arguments(None), {}, whole=False)
    assert list(tmp_path.iterdir()) == []
    common.finish("limit", arguments(tmp_path / "part.json"), {}, whole=False)
    assert [path.name for path in tmp_path.iterdir()] == ["part.json"]


@pytest.fixture
def sweep(data: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    script, written = module("sweep"), module("_sandbox_tasks")

    def write(folder: Path, name: str, source: Any, *, rows: int, predicted: int) -> Any:
        kind = "tagging" if name in {"ner", "ccg-1"} else "classification"
        test = {"en": f"{kind}.jsonl"} if predicted else {}
        return written.Written(name, kind, tuple(LABELS[kind]), METRICS[kind], f"{kind}.jsonl", test)

    monkeypatch.setattr(written, "write", write)
    monkeypatch.setattr(script._sandbox_tasks, "write", write)
    given = {"intermediates": 3, "targets": 2, "seeds": 1, "intermediate_rows": 2, "rows": 2, "predicted": 2}
    rest = {"epochs": 1, "device": "cpu", "threads": 1, "processes": 1}
    return script.Sweep(argparse.Namespace(**given, **rest), encoder, 2, data)


@pytest.mark.parametrize("cached", [False, True])
def test_the_recipe_of_our_way_is_valid_and_has_the_settings_of_the_peers(
    sweep: Any, tmp_path: Path, cached: bool
) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(json.dumps(sweep.recipe("top-1", "bf16", 0.1, cached=cached)), encoding="utf-8")
    document = load(file).document
    method, peers = document.methods["lora"], sweep._wanted(0.1)
    assert (method.lr, method.dropout, method.precision) == (peers["lr"], 0.1, "bf16")
    assert (document.train.batch, document.train.epochs, document.train.max_length) == (
        peers["batch"],
        peers["epochs"],
        peers["max_length"],
    )
    assert (document.run.threads, document.run.workers) == (1, 1)
    assert bool(document.run.hidden_state_cache) == cached
    assert sweep.trainings == 3 * (1 + 2)


def test_the_table_compares_equal_dropout_only(tmp_path: Path) -> None:
    page = module("page")

    def way(cpu: float, dropout: float) -> dict[str, Any]:
        value = {"median": cpu, "min": cpu, "max": cpu + 1, "all": [cpu, cpu, cpu + 1]}
        return {
            "dropout": dropout,
            **dict.fromkeys(("cpu_seconds", "wall_seconds", "peak_mib"), value),
            "score": {"mean": 50.0, "sd": 1.5},
        }

    ours = "layover run, all layers, fp32"
    result = {
        "trainings": 4,
        "tasks": {"intermediates": ["nli"], "targets": ["copa"]},
        "goals": {ours: {"loop (a)": 7}},
        "ways": {
            "loop (a)": way(80, 0.0),
            ours: way(10, 0.0),
            "loop (a), dropout 0.1": way(100, 0.1),
            f"{ours}, dropout 0.1": way(20, 0.1),
        },
    }
    text = "\n".join(page.sweep(result, page.Pictures(tmp_path, "sweep")))
    without, _, with_dropout = text.partition("Dropout 0.1:")
    assert f"| {ours} | 10 [10–11] | 10 [10–11] | 10 [10–11] | x8.0 | x7 of loop (a) | 50.0 ± 1.5 |" in without
    assert f"| {ours} | 20 [20–21] | 20 [20–21] | 20 [20–21] | x5.0 | x7 of loop (a) | 50.0 ± 1.5 |" in with_dropout
