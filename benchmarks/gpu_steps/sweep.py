"""A small sweep on the sandbox: `layover run` with 1, 2 and 4 processes on one device, against a loop of processes.

Two intermediates, one target, so many seeds: LoRA on an encoder of the size of XLM-R base, with random weights and the
sandbox's tokenizer. The loop is one Trainer process per training, which predicts the target's languages; its rows are
tokenised before, which costs it nothing. Whatever the time allows is measured: of the loop the seconds per training.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import memory_model
import numpy as np
import torch
from _common import BATCH

from gpu_steps._made import mini_folder, shape_of
from gpu_steps._record import Record, Settings
from layover import kinds, tasks
from layover.data.features import Features
from layover.data.subset import limit
from layover.data.tokenizer import Tokenizer
from layover.encoder.in_transformers import quiet
from layover.shape import Shape

BUDGET = 100.0
LR, MAX_LENGTH = 1e-3, 128
INTERMEDIATES, TARGET = ("sandbox/nli", "sandbox/anli"), "sandbox/paraphrase"


def run(record: Record, settings: Settings) -> None:
    """Measure; the longest comes last."""
    sweep = Sweep(record, settings)
    record.values |= {"runs": {}, "loops": {}, "rows": sweep.rows, "epochs": sweep.epochs}
    if settings.quick:
        record.case("layover run", partial(sweep.ours, 1, 1))
    else:
        record.case("layover run, 1 process, 1 seed", partial(sweep.ours, 1, 1))
        for processes in (1, 2, 4):
            record.case(f"layover run, {processes} processes, 2 seeds", partial(sweep.ours, 2, processes))
    if importlib.util.find_spec("peft") is None:
        record.values["absent"] = {"loop": "not installed: peft"}
        return
    record.case("loop (b)", partial(sweep.loop, expert=True))
    if not settings.quick:
        record.case("loop (a)", partial(sweep.loop, expert=False))


class Sweep:
    """The sweep, and the ways to run it."""

    def __init__(self, record: Record, settings: Settings) -> None:
        self.record, self.settings = record, settings
        self.rows, self.predicted, self.epochs = (16, 4, 1) if settings.quick else (480, 40, 2)
        self.intermediates = INTERMEDIATES[:1] if settings.quick else INTERMEDIATES
        self.folder = sandbox_encoder(settings)

    def recipe(self, seeds: int) -> dict[str, Any]:
        """Return the recipe."""
        method = {"module": "lora", "compose": "warm", "lr": LR, "precision": "bf16"}
        limits = {name: {"limit": {"train": self.rows}} for name in self.intermediates}
        limits[TARGET] = {"limit": {"train": self.rows, "test": self.predicted}}
        train = {"batch": BATCH, "epochs": self.epochs, "warmup": 0, "weight_decay": 0, "max_length": MAX_LENGTH}
        return {
            "schema": 1,
            "name": "gpu",
            "models": {"random": {"name": str(self.folder)}},
            "methods": {"lora": method},
            "train": {**train, "select": None},
            "tasks": limits,
            "sweep": {
                "model": ["random"],
                "method": ["lora"],
                "intermediate": list(self.intermediates),
                "target": [TARGET],
                "seed": list(range(1, seeds + 1)),
            },
            "run": {"device": self.settings.device, "hidden_state_cache": 0},
        }

    def ours(self, seeds: int, processes: int) -> None:
        """Run `layover run` on an empty store."""
        work = Path(self.settings.work) / f"sweep-{seeds}-{processes}"
        work.mkdir()
        recipe, trainings = work / "recipe.yaml", seeds * 2 * len(self.intermediates)
        recipe.write_text(json.dumps(self.recipe(seeds)), encoding="utf-8")  # JSON is YAML
        options = [str(recipe), "--store", str(work / "store"), "--workers", str(processes), "--json"]
        seconds = self.process(["-m", "layover", "run", *options])
        name = f"{trainings} trainings, {processes} processes"
        self.record.values["runs"][name] = {
            "seconds": round(seconds, 2),
            "trainings": trainings,
            "processes": processes,
            "seconds_per_training": round(seconds / trainings, 2),
        }

    def loop(self, *, expert: bool) -> None:
        """Run the user's loop for one seed, as far as there is time."""
        name, out = f"loop ({'b' if expert else 'a'})", Path(self.settings.work) / f"loop-{expert}"
        seconds: list[float] = []
        files = {task: self.tokenised(task) for task in (*self.intermediates, TARGET)}
        for number, intermediate in enumerate(self.intermediates):
            for task, start in ((intermediate, None), (TARGET, str(out / f"{number}-intermediate"))):
                if self.record.left() <= max(seconds, default=0.0) or (self.settings.quick and start):
                    return
                role = "target" if start else "intermediate"
                wish = {
                    "folder": str(self.folder),
                    "rows": files[task]["train"],
                    "predicted": files[task]["predicted"] if start else [],
                    "labels": len(tasks.get(task).labels),
                    "start": start,
                    "out": str(out / f"{number}-{role}"),
                    "expert": expert,
                    "device": self.settings.device,
                    "epochs": self.epochs,
                    "lr": LR,
                    "seed": 1,
                }
                seconds.append(self.process([str(Path(__file__).with_name("_loop.py")), json.dumps(wish)]))
                self.record.values["loops"][name] = {
                    "seconds": [round(each, 2) for each in seconds],
                    "trainings": len(seconds),
                    "seconds_per_training": round(sum(seconds) / len(seconds), 2),
                }

    def process(self, arguments: list[str]) -> float:
        """Run Python with these arguments, as long as there is time; return the seconds."""
        began, command = time.monotonic(), [sys.executable, *arguments]
        most = max(1.0, self.record.left())
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=most)
        if done.returncode:
            raise RuntimeError(f"{arguments[0]} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
        return time.monotonic() - began

    def tokenised(self, task: str) -> dict[str, Any]:
        """Write the rows of a task, as the loop reads them; return the files."""
        of, tokenizer = tasks.get(task), Tokenizer.load(mini_folder())
        sides = {"train": [("train", "en", self.rows)]}
        if task == TARGET:
            sides["predicted"] = [("test", language, self.predicted) for language in of.languages_of("test")]
        files: dict[str, Any] = {}
        for side, sets in sides.items():
            files[side] = []
            for split, language, count in sets:
                place = of.locate(split, language, root=None)
                if place is None:
                    raise FileNotFoundError(f"{task} has no {split} data in {language}")
                examples = limit(of.read(place), count)
                kind = kinds.get(of.kind)
                features = kind.encode(examples, tokenizer, labels=of.labels, max_length=MAX_LENGTH, stride=8)
                file = Path(self.settings.work) / f"{task.replace('/', '-')}-{split}-{language}.json"
                file.write_text(json.dumps(plain(features)), encoding="utf-8")
                files[side].append(str(file))
        return {**files, "train": files["train"][0]}


def plain(features: Features) -> list[dict[str, Any]]:
    """Return rows as plain values."""
    parts = np.split(features.arrays["ids"], features.arrays["offsets"][1:-1])
    labels = features.arrays["label"].tolist()
    return [{"input_ids": ids.tolist(), "label": label} for ids, label in zip(parts, labels, strict=True)]


def sandbox_encoder(settings: Settings) -> Path:
    """Return a folder with an encoder of the size of XLM-R base that reads the sandbox's tokens."""
    folder, mini, like = Path(settings.work) / "sandbox-base", mini_folder(), shape_of(settings, "base")
    if not folder.is_dir():
        vocabulary = json.loads((mini / "config.json").read_text(encoding="utf-8"))["vocab_size"]
        torch.manual_seed(0)
        with quiet():
            memory_model.write_encoder(Shape(like.layers, like.hidden, like.intermediate, vocabulary), folder)
        for file in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(mini / file, folder / file)
    return folder
