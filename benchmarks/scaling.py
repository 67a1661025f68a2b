"""What cost grows with: modules, length, adapted layers, languages; and how long a plan takes by its cells.

    python benchmarks/scaling.py [--rows 96] [--repeats 3]

XLM-R base with random weights, LoRA, fp32. Within a series the points take turns.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import _ours
import numpy as np
from _common import SIZES, arguments, encode, encoder_folder, examples_of, finish, spread, take_turns, training_rows
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.processors import RobertaProcessing

from layover import tasks
from layover.data.features import Features
from layover.plan import build
from layover.plan.hub import Revisions
from layover.recipe import load
from layover.store import FileHashes

COUNTS = (1, 2, 4, 8)
LENGTHS = (32, 64, 128, 256, 512)
LANGUAGES = (1, 2, 4, 8, 15)
Sweep = tuple[int, int, int, int]
"""Numbers of methods, intermediates, targets and seeds."""
CELLS: dict[int, Sweep] = {10: (1, 1, 10, 1), 100: (4, 5, 5, 1), 1000: (4, 10, 5, 5), 10_000: (4, 10, 10, 25)}
PLANNED_LANGUAGES = [f"l{number:02d}" for number in range(20)]
METHODS: dict[str, Any] = {
    "full": {"module": "full"},
    "lora": {"module": "lora"},
    "stack": {"module": "lora", "compose": "stack"},
    "bn": {"module": "bottleneck", "compose": "stack"},
}


def by_modules(folder: Path, features: Features, device: str) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return the ways to train 1, 2, 4, 8 modules of the top half on the same data, one after another."""
    top = f"top-{_ours.make_encoder(folder, 'fp32').num_layers // 2}"

    def work(count: int, cached: bool) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as into:
            took = _ours.Stopwatch(device)
            states = None
            if cached:
                frozen, layer = _ours.make_encoder(folder, "fp32", module="none"), _ours.lowest_of(folder, top)
                states = _ours.build_states(frozen, "fp32", features, layer=layer, into=Path(into), device=device)
            for _ in range(count):
                make = _ours.make_cached_encoder if cached else _ours.make_encoder
                encoder = make(folder, "fp32", layers=top)
                head = _ours.make_head("classification", encoder)
                _ours.train(encoder, head, features, "fp32", device, states=states)
            return {"seconds": took.seconds()}

    found = {str(count): partial(work, count, False) for count in COUNTS}
    return found | {f"{count} cached": partial(work, count, True) for count in COUNTS}


def of_length(features: Features, length: int, tokens: int) -> Features:
    """Return rows of one length out of real tokens, `tokens` in all."""
    rows = max(1, tokens // length)
    ids = np.resize(features.arrays["ids"], rows * length)
    offsets = np.arange(0, rows * length + 1, length, dtype=np.int64)
    label = np.arange(rows, dtype=np.int64) % 3
    return Features(
        {"ids": ids, "offsets": offsets, "example": np.arange(rows, dtype=np.int32), "label": label},
        columns=features.columns,
    )


def by_length(folder: Path, features: Features, device: str, tokens: int) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return the ways to train on equally many tokens in rows of 32 to 512, all layers."""
    encoder = _ours.make_encoder(folder, "fp32")
    head = _ours.make_head("classification", encoder)

    def work(rows: Features) -> dict[str, Any]:
        return {"seconds": _ours.train(encoder, head, rows, "fp32", device)[0]}

    return {str(length): partial(work, of_length(features, length, tokens)) for length in LENGTHS}


def by_layers(folder: Path, features: Features, device: str) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return the ways to train a LoRA in the top k layers."""
    every = _ours.make_encoder(folder, "fp32").num_layers
    counts = sorted({max(1, every * share // 12) for share in (1, 2, 3, 6, 9, 12)})

    def work(count: int) -> dict[str, Any]:
        encoder = _ours.make_encoder(folder, "fp32", layers=f"top-{count}")
        head = _ours.make_head("classification", encoder)
        return {"seconds": _ours.train(encoder, head, features, "fp32", device)[0]}

    return {str(count): partial(work, count) for count in counts}


def by_languages(folder: Path, rows: int, device: str) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return the ways to predict some rows of so many languages of XNLI."""
    encoder = _ours.make_encoder(folder, "fp32")
    head = _ours.make_head("classification", encoder)
    every = tasks.get("xnli").languages_of("validation")
    found = {one: encode("xnli", examples_of("xnli", "validation", one, limit=rows)) for one in every}

    def work(count: int) -> dict[str, Any]:
        took = _ours.Stopwatch(device)
        for language in every[:count]:
            _ours.predicted(encoder, head, found[language], "fp32", device)
        return {"seconds": took.seconds(), "tokens": sum(int(found[one].lengths.sum()) for one in every[:count])}

    return {str(count): partial(work, count) for count in LANGUAGES}


def write_world(root: Path, sweep: Sweep) -> Path:
    """Write an encoder's folder, tasks with 20 test files each, and their recipe; return its path."""
    methods, intermediates, targets, seeds = sweep
    names = [f"task{number:02d}" for number in range(intermediates + targets)]
    encoder = root / "encoder"
    encoder.mkdir()
    shape = {"num_hidden_layers": 12, "hidden_size": 768, "intermediate_size": 3072, "vocab_size": 250002}
    (encoder / "config.json").write_text(json.dumps(shape), encoding="utf-8")
    (encoder / "model.safetensors").write_bytes(b"weights")
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token=words[3]))
    tokenizer.post_processor = RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.save(str(encoder / "tokenizer.json"))
    recipe = {
        "schema": 1,
        "name": "benchmark",
        "models": {"base": {"name": str(encoder)}},
        "data_root": str(root),
        "methods": dict(list(METHODS.items())[:methods]),
        "tasks": {task: _task(root, task) for task in names},
        "sweep": {
            "model": ["base"],
            "method": list(METHODS)[:methods],
            "intermediate": names[:intermediates],
            "target": names[intermediates:],
            "seed": list(range(1, seeds + 1)),
        },
    }
    path = root / "recipe.yaml"
    path.write_text(json.dumps(recipe), encoding="utf-8")  # JSON is YAML
    return path


def _task(root: Path, task: str) -> dict[str, object]:
    for part in ("train", *PLANNED_LANGUAGES):
        (root / f"{task}.{part}.jsonl").write_text(f'{{"text": "{task} {part}", "label": "yes"}}\n', encoding="utf-8")
    train = f"{task}.train.jsonl"
    test = {language: f"{task}.{language}.jsonl" for language in PLANNED_LANGUAGES}
    files = {"train": train, "validation": train, "test": test}
    return {"kind": "classification", "labels": ["no", "yes"], "text": ["text"], "files": files}


def by_cells(most: int) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return the ways to plan so many cells."""

    def work(cells: int) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            path = write_world(Path(folder), CELLS[cells])
            started = time.perf_counter()
            plan = build(load(path), FileHashes(), Revisions())
            return {"seconds": time.perf_counter() - started, "cells": len(plan.cells), "nodes": len(plan.nodes)}

    return {str(cells): partial(work, cells) for cells in CELLS if cells <= most}


def series(ways: Mapping[str, Callable[[], dict[str, Any]]], given: argparse.Namespace) -> dict[str, Any]:
    """Return the seconds of every point, and what else it says of itself."""
    take_turns(dict([next(iter(ways.items()))]), 1)  # warms up
    found = {}
    for name, each in take_turns(ways, given.repeats).items():
        facts = {key: value for key, value in each[0].items() if key != "seconds"}
        found[name] = {**facts, "seconds": spread([one["seconds"] for one in each])}
    return found


def main() -> None:
    """Measure."""
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=96, help="that a module is trained on")
    parser.add_argument("--language-rows", type=int, default=16, help="that are predicted of a language")
    parser.add_argument("--tokens", type=int, default=8192, help="of every length")
    given = parser.parse_args()
    if given.quick:
        given.rows, given.language_rows, given.tokens, given.repeats = 16, 4, 1024, 1
    size = "mini" if given.quick else "base"
    features = training_rows("mnli", given.rows)
    with encoder_folder(size) as folder:
        found = {
            "modules": series(by_modules(folder, features, given.device), given),
            "length": series(by_length(folder, features, given.device, given.tokens), given),
            "layers": series(by_layers(folder, features, given.device), given),
            "languages": series(by_languages(folder, given.language_rows, given.device), given),
        }
    found["plan"] = series(by_cells(1000 if given.quick else 10_000), given)
    finish("scaling", given, {"encoder": size, "layers": SIZES[size][0], "series": found})


if __name__ == "__main__":
    main()
