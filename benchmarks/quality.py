"""Equal quality? The same trainings by `layover run` and by a plain loop of transformers and peft, over many seeds.

    python benchmarks/quality.py ENCODER [--seeds 10] [--work FOLDER]

ENCODER is the folder of a pretrained encoder. Two tasks (parts of speech; natural language inference) are trained on a
few hundred English rows, with LoRA and with all weights, and scored on English rows. Both sides have the same rows,
epochs, batch, learning rate, warm-up, decay, clipping and dropout, and a fresh head; the rest is each side's own.
Layover runs with its defaults, from the command line.

What was settled before the first run: the sides are *equivalent* when the 90 % confidence interval of the mean of the
paired differences (by seed, Student's t) lies within -MARGIN to +MARGIN points, which is two one-sided tests at 5 %.
Layover is *lower* (or *higher*) when the interval does not lie within the margin and has 0 above (below) it. Otherwise
nothing is shown. A pair shares the seed's number only, so that its two scores vary independently of each other.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from _common import arguments, data_root, examples_of, finish, folders, tell
from _equivalence import judged
from _plain import Numbers, Plain

MARGIN = 1.0
"""Points of the task's metric, either way."""
TASKS = {"udpos": ("udpos", "test", None), "xnli": ("mnli", "validation", "mnli/dev.csv")}
"""Target -> the task whose training data it uses, the split that is scored, the file of training data if named."""
METRICS = {"udpos": "seqeval_f1", "xnli": "accuracy"}
MAX_LENGTH = {"udpos": 128, "xnli": 64}
LR = {"lora": 2e-3, "full": 1e-4}
"""For a few dozen steps; the defaults are for thousands."""
DROPOUT = {"lora": 0.0, "full": 0.1}
"""Layover's defaults, given to both sides."""
BATCH, WARMUP, WEIGHT_DECAY, CLIP = 32, 0.06, 0.01, 1.0


def recipe(given: argparse.Namespace, target: str, module: str) -> dict[str, Any]:
    """Return the recipe of one task and method, over all seeds."""
    train, split, file = TASKS[target]
    settings: dict[str, Any] = {train: {"limit": {"train": given.rows}}}
    settings[train] |= {"files": {"train": file}} if file else {}
    own = settings.setdefault(target, {"limit": {}})
    own["limit"][split] = given.scored
    own["eval"] = {"split": split, "languages": ["en"]}
    numbers = {"batch": BATCH, "epochs": given.epochs, "warmup": WARMUP, "weight_decay": WEIGHT_DECAY, "clip": CLIP}
    return {
        "schema": 1,
        "name": "quality",
        "models": {"encoder": {"name": str(given.encoder)}},
        "data_root": str(data_root()),
        "methods": {module: {"module": module, "lr": LR[module], "dropout": DROPOUT[module]}},
        "train": {**numbers, "max_length": MAX_LENGTH[target], "stride": 16, "select": None},
        "tasks": settings,
        "sweep": {"model": ["encoder"], "method": [module], "target": [target], "seed": seeds(given)},
        "run": {"workers": 1, "threads": given.threads, "device": given.device},
    }


def seeds(given: argparse.Namespace) -> list[int]:
    """Return the seeds of both sides."""
    return list(range(1, given.seeds + 1))


def layover(given: argparse.Namespace, target: str, module: str) -> list[dict[str, float]]:
    """Return the scores of `layover run`, seed by seed; what the store has is not trained again."""
    with tempfile.TemporaryDirectory() as out:
        written, store = Path(out) / "recipe.yaml", given.work / "store"
        wanted = recipe(given, target, module)
        written.write_text(json.dumps(wanted), encoding="utf-8")  # JSON is YAML
        options = [str(written), "--store", str(store), "--json"]
        for verb, more in (("run", []), ("report", ["--out", f"{out}/report"])):
            command = [sys.executable, "-m", "layover", verb, *options, *more]
            done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
            if done.returncode:
                raise SystemExit(f"layover {verb} failed:\n{done.stdout[-2000:]}")
        lines = (Path(out) / "report" / "records.jsonl").read_text(encoding="utf-8").splitlines()
    found = {one["seed"]: dict(one["record"]["languages"]["en"]) for one in map(json.loads, lines)}
    return [found[seed] for seed in seeds(given)]


def plain_of(given: argparse.Namespace, target: str) -> Plain:
    """Return the plain loop of a task, with the examples that `layover run` takes."""
    task, split, file = TASKS[target]
    train = examples_of(task, "train", "en", limit=given.rows, file=file)
    test = examples_of(target, split, "en", limit=given.scored)
    return Plain(given.encoder, target, train, test, MAX_LENGTH[target])


def numbers_of(given: argparse.Namespace, target: str, module: str) -> Numbers:
    """Return what the plain loop is told."""
    return Numbers(
        lr=LR[module],
        epochs=given.epochs,
        batch=BATCH,
        max_length=MAX_LENGTH[target],
        warmup=WARMUP,
        weight_decay=WEIGHT_DECAY,
        clip=CLIP,
        dropout=DROPOUT[module],
    )


def plain(given: argparse.Namespace, target: str, module: str) -> list[dict[str, float]]:
    """Return the scores of the plain loop, seed by seed; those that the work folder keeps are not made again."""
    loop, found = plain_of(given, target), []
    for seed in seeds(given):
        kept = given.work / f"{target}-{module}-{seed}.json"
        if not kept.is_file():
            kept.write_text(json.dumps(loop.run(module, numbers_of(given, target, module), seed)), encoding="utf-8")
        found.append(json.loads(kept.read_text(encoding="utf-8")))
        tell(f"{target}, {module}, seed {seed}, plain: {found[-1]}")
    return found


def spread_of(values: Sequence[float]) -> dict[str, Any]:
    """Return mean, standard deviation over the seeds, and all of them."""
    deviation = round(stdev(values), 2) if len(values) > 1 else None
    return {"mean": round(fmean(values), 2), "sd": deviation, "all": [round(value, 2) for value in values]}


def main() -> None:
    """Measure."""
    parser = arguments(__doc__, repeats=1)
    parser.add_argument(
        "encoder", type=Path, nargs="?", help="folder of a pretrained encoder; random weights if --quick"
    )
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--modules", nargs="+", choices=list(LR), default=list(LR))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rows", type=int, default=400, help="that a task is trained on")
    parser.add_argument("--scored", type=int, default=500, help="rows that are scored")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="of each side")
    parser.add_argument("--work", type=Path, help="folder that keeps finished runs; a call that was broken off goes on")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.encoder is None and not given.quick:
        parser.error("name the folder of a pretrained encoder; with random weights there is no quality to compare")
    if given.seeds < 2:
        parser.error("an interval takes two seeds or more")
    if given.quick:
        given.seeds, given.rows, given.scored, given.epochs = 2, 32, 16, 1
    found = {}
    with folders(given) as name:
        for target in given.tasks:
            for module in given.modules:
                metric = METRICS[target]
                ours = [one[metric] for one in layover(given, target, module)]
                tell(f"{target}, {module}, Layover: {ours}")
                theirs = [one[metric] for one in plain(given, target, module)]
                spreads = {"layover": spread_of(ours), "plain": spread_of(theirs)}
                found[f"{target}, {module}"] = {"metric": metric, **spreads, **judged(ours, theirs, MARGIN)}
                tell(json.dumps(found[f"{target}, {module}"]))
    finish("quality", given, {"encoder": name, "margin": MARGIN, "cells": found})


if __name__ == "__main__":
    main()
