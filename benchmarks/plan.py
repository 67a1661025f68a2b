"""How long a plan of 4 methods x 6 intermediates x 8 targets x 3 seeds takes, with 20 test languages each.

python benchmarks/plan.py [--repeats 5]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from pathlib import Path

from layover.plan import build
from layover.plan.hub import Revisions
from layover.recipe import load
from layover.store import FileHashes

LANGUAGES = [f"l{number:02d}" for number in range(20)]
TASKS = [f"task{number:02d}" for number in range(14)]


def write_world(root: Path) -> Path:
    """Write an encoder's folder, 14 tasks with 20 test files each, and their recipe; return its path."""
    encoder = root / "encoder"
    encoder.mkdir()
    shape = {"num_hidden_layers": 12, "hidden_size": 768, "intermediate_size": 3072, "vocab_size": 250002}
    (encoder / "config.json").write_text(json.dumps(shape), encoding="utf-8")
    (encoder / "model.safetensors").write_bytes(b"weights")
    (encoder / "tokenizer.json").write_text("{}", encoding="utf-8")
    recipe = {
        "schema": 1,
        "name": "benchmark",
        "models": {"base": {"name": str(encoder)}},
        "data_root": str(root),
        "methods": {
            "full": {"module": "full"},
            "lora": {"module": "lora"},
            "stack": {"module": "lora", "compose": "stack"},
            "bn": {"module": "bottleneck", "compose": "stack"},
        },
        "tasks": {task: _task(root, task) for task in TASKS},
        "sweep": {
            "model": ["base"],
            "method": ["full", "lora", "stack", "bn"],
            "intermediate": TASKS[:6],
            "target": TASKS[6:],
            "seed": [1, 2, 3],
        },
    }
    path = root / "recipe.yaml"
    path.write_text(json.dumps(recipe), encoding="utf-8")  # JSON is YAML
    return path


def _task(root: Path, task: str) -> dict[str, object]:
    for part in ("train", *LANGUAGES):
        (root / f"{task}.{part}.jsonl").write_text(f'{{"text": "{task} {part}", "label": "yes"}}\n', encoding="utf-8")
    train = f"{task}.train.jsonl"
    test = {language: f"{task}.{language}.jsonl" for language in LANGUAGES}
    files = {"train": train, "validation": train, "test": test}
    return {"kind": "classification", "labels": ["no", "yes"], "text": ["text"], "files": files}


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        path = write_world(Path(folder))
        for _ in range(repeats):
            started = time.perf_counter()
            plan = build(load(path), FileHashes(), Revisions())
            seconds.append(time.perf_counter() - started)
    result = {
        "cells": len(plan.cells),
        "nodes": len(plan.nodes),
        "median_seconds": round(statistics.median(seconds), 3),
        "range": [round(min(seconds), 3), round(max(seconds), 3)],
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
