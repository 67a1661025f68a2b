"""What sorting by length costs and saves: the same training with `train.bucket` 1, 3, 16 and that of `group_by_length`.

    python benchmarks/buckets.py ENCODER [--seeds 3] [--work FOLDER]

ENCODER is the folder of a pretrained encoder. Questions over a text take many rows to learn: they are asked in the
sandbox, with its own encoder. The benchmark trains LoRA in the two upper layers on kept hidden states, for four kinds
of task, on few rows and on many, in fp32 and bf16, and scores English rows. Buckets take turns within a seed, so that
differences are paired by seed. Times are CPU time of `fit` alone.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean, median
from typing import Any

import torch
from _common import ROOT, arguments, examples_of, finish, folders, tell
from _equivalence import judged
from _ours import build_states, lowest_of, make_cached_encoder, make_encoder

from layover import heads, kinds, tasks
from layover.data.features import Features
from layover.data.tokenizer import Tokenizer
from layover.encoder import DropoutClock
from layover.execution import Execution
from layover.inference.hidden_states import HiddenStates
from layover.inference.predict import predict
from layover.numerics import Precision
from layover.specs import Hyperparameters
from layover.training import Branch, fit

LAYERS, LR, BATCH, MARGIN = "top-2", 2e-3, 32, 1.0
BUCKETS = (1, 3, 16)
SIZES: Mapping[str, Mapping[str, tuple[int, float]]] = {
    "few rows": {"udpos": (400, 5), "xnli": (400, 5), "sandbox/qa": (400, 10), "siqa": (400, 3)},
    "many rows": {"udpos": (5000, 1), "xnli": (4000, 1), "sandbox/qa": (3000, 3), "siqa": (2000, 1)},
}
"""Size -> target -> rows and epochs."""


@dataclass(frozen=True)
class Source:
    """Where a target's rows come from."""

    train: str
    file: str | None
    split: str
    metric: str
    max_length: int
    encoder: Path | None = None
    """Where it is not the one that is given."""


SOURCES = {
    "udpos": Source("udpos", None, "test", "seqeval_f1", 128),
    "xnli": Source("mnli", "mnli/dev.csv", "validation", "accuracy", 64),
    "sandbox/qa": Source("sandbox/qa", None, "test", "squad_f1", 128, ROOT / "src/layover_sandbox/encoders/mini"),
    "siqa": Source("siqa", None, "validation", "accuracy", 64),
}


class Cell:
    """One target at one size: its rows, encoded, and the hidden states that enter the trained layers."""

    def __init__(self, folder: Path, target: str, rows: int, epochs: float, scored: int) -> None:
        self.target, self.rows, self.epochs, self.scored = target, rows, epochs, scored
        self.source = SOURCES[target]
        self.folder = self.source.encoder or folder
        self.task = tasks.get(self.source.train)
        self.kind = kinds.get(self.task.kind)
        self._states: dict[Precision, tuple[HiddenStates, HiddenStates]] = {}

    @cached_property
    def examples(self) -> list[Any]:
        """Return the scored examples."""
        return examples_of(self.target, self.source.split, "en", limit=self.scored)

    @cached_property
    def features(self) -> tuple[Features, Features]:
        """Return encoded rows of training and test."""
        train = examples_of(self.source.train, "train", "en", limit=self.rows, file=self.source.file)
        tokenizer, length = Tokenizer.load(self.folder), self.source.max_length
        first, second = (
            self.kind.encode(rows, tokenizer, labels=self.task.labels, max_length=length, stride=64)
            for rows in (train, self.examples)
        )
        return first, second

    def states(self, precision: Precision, into: Path) -> tuple[HiddenStates, HiddenStates]:
        """Return the hidden states of both; they are computed once."""
        if precision not in self._states:
            lowest, whole = lowest_of(self.folder, LAYERS), make_encoder(self.folder, precision, module="none")
            first, second = (
                build_states(
                    whole,
                    precision,
                    features,
                    layer=lowest,
                    into=into / f"{self.target.replace('/', '-')}-{self.rows}-{precision}-{side}",
                    device="cpu",
                )
                for side, features in zip(("train", "test"), self.features, strict=True)
            )
            self._states[precision] = (first, second)
        return self._states[precision]

    def run(self, bucket: int, precision: Precision, seed: int, into: Path) -> dict[str, float]:
        """Train and score; return the score in percent and the CPU seconds of the training."""
        (train, test), (low, low_test) = self.features, self.states(precision, into)
        encoder = make_cached_encoder(self.folder, precision, layers=LAYERS, seed=seed)
        size, clock = self.kind.head_size(self.task.labels), DropoutClock(seed)
        head = heads.build(self.task.kind, encoder.hidden_size, size, clock=clock, dropout=0.0)
        hyperparameters = Hyperparameters(
            lr=LR, epochs=self.epochs, batch=BATCH, seed=seed, precision=precision, bucket=bucket
        )
        started = time.process_time()
        fit(
            encoder,
            [Branch(self.task.name, head, train, states=low)],
            hyperparameters=hyperparameters,
            execution=Execution(device="cpu"),
            clock=clock,
            judge=None,
            checkpoint_dir=None,
            progress=lambda _: None,
        )
        took = time.process_time() - started
        outputs = predict(encoder, head, test, execution=Execution(device="cpu"), precision=precision, states=low_test)
        answers = self.kind.decode(outputs, test, self.examples, labels=self.task.labels)
        metrics = tasks.get(self.target).metrics
        scores = self.kind.score(answers, self.examples, metrics=metrics, language="en")
        return {"score": scores[self.source.metric], "cpu_seconds": took}


def buckets_of(rows: int) -> list[int]:
    """Return the buckets of the grid, and that of `group_by_length` of transformers for so many rows."""
    return sorted({*BUCKETS, max(1, min(rows // (4 * BATCH), 50))})


def grid(given: argparse.Namespace, size: str, precision: Precision, target: str) -> dict[str, Any] | None:
    """Return what each bucket gives, against random order; runs that the work folder keeps are not made again.

    With `--kept` no run is made: seeds that lack one are left out, and None is returned where fewer than two are left.
    """
    rows, epochs = SIZES[size][target]
    rows, epochs = (64, 1) if given.quick else (rows, epochs)
    cell = Cell(given.encoder, target, rows, epochs, given.scored)
    found: dict[int, list[dict[str, float]]] = {bucket: [] for bucket in buckets_of(rows)}
    for seed in range(1, given.seeds + 1):
        files = {
            bucket: given.work / f"{target.replace('/', '-')}-{rows}-{precision}-{bucket}-{seed}.json"
            for bucket in found
        }
        if given.kept and not all(file.is_file() for file in files.values()):
            continue
        for bucket, kept in files.items():
            if not kept.is_file():
                kept.write_text(json.dumps(cell.run(bucket, precision, seed, given.work)), encoding="utf-8")
            found[bucket].append(json.loads(kept.read_text(encoding="utf-8")))
            tell(f"{kept.stem}: {found[bucket][-1]}")
    seeds = len(found[1])
    if seeds < 2:
        return None
    return {
        "rows": rows,
        "epochs": epochs,
        "seeds": seeds,
        "metric": cell.source.metric,
        "buckets": compared(found),
    }


def compared(found: Mapping[int, list[dict[str, float]]]) -> dict[str, Any]:
    """Return per bucket the mean score, and its difference and time against bucket 1, paired by seed."""
    scores = {bucket: [one["score"] for one in runs] for bucket, runs in found.items()}
    told: dict[str, Any] = {}
    for bucket, runs in found.items():
        one: dict[str, Any] = {"mean": round(fmean(scores[bucket]), 2), "all": [round(x, 2) for x in scores[bucket]]}
        if bucket != 1:
            one |= judged(scores[bucket], scores[1], MARGIN)
            ratios = [mine["cpu_seconds"] / base["cpu_seconds"] for mine, base in zip(runs, found[1], strict=True)]
            one["cpu_to_random"] = round(median(ratios), 3)
        told[str(bucket)] = one
    return told


def main() -> None:
    """Measure."""
    parser = arguments(__doc__, repeats=1)
    parser.add_argument("encoder", type=Path, nargs="?", help="folder of a pretrained encoder; random if --quick")
    parser.add_argument("--targets", nargs="+", choices=list(SOURCES), default=list(SOURCES))
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--precisions", nargs="+", choices=["fp32", "bf16"], default=["fp32", "bf16"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scored", type=int, default=500, help="rows that are scored")
    parser.add_argument("--work", type=Path, help="folder that keeps finished runs; a call that was broken off goes on")
    parser.add_argument("--kept", action="store_true", help="run nothing: report what the work folder keeps")
    given = parser.parse_args()
    if given.encoder is None and not given.quick:
        parser.error("name the folder of a pretrained encoder; with random weights there is no quality to compare")
    if given.seeds < 2:
        parser.error("an interval takes two seeds or more")
    if given.quick:
        given.seeds, given.scored, given.sizes = 2, 16, ["few rows"]
    torch.set_num_threads(1)
    cells = {}
    with folders(given) as name:
        for size in given.sizes:
            for precision in given.precisions:
                for target in given.targets:
                    if (cell := grid(given, size, precision, target)) is not None:
                        cells[f"{target}, {size}, {precision}"] = cell
    finish("buckets", given, {"encoder": name, "margin": MARGIN, "batch": BATCH, "lr": LR, "cells": cells})


if __name__ == "__main__":
    main()
