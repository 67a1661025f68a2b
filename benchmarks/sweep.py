"""A whole sweep: `layover run` against the loop that a user writes, one Trainer process per run.

    python benchmarks/sweep.py [--size base] [--seeds 2] [--repeats 1]

Intermediates x targets x seeds with LoRA: train the intermediate, go on with it on the target, predict the target's
languages. Measured of every way: CPU time of all its processes, wall time, peak memory of all of them together. The
same examples, epochs, batch, learning rate and ranks; scores of both are given with their spread over seeds.

One figure is scaled, and says so: the CPU time of 10 intermediates x 9 targets x 1 seed, which are 100 trainings, at
the measured time per training. What a sweep pays once (reading, tokenising, keeping hidden states) is thereby paid
again and again: for `layover run` the scaled figure is too high rather than too low.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import _ours
import psutil
from _common import BATCH, SIZES, arguments, data_root, encoder_folder, finish, spread, take_turns, tell

INTERMEDIATES = ("snli", "qqp")
TARGETS = {"xnli": "mnli", "pawsx": "pawsx"}
"""Target -> the task whose training data it uses."""
FILES = {"snli": "snli/dev.csv", "qqp": "qqp/dev.tsv", "mnli": "mnli/dev.csv", "pawsx": "pawsx/dev-en.tsv"}
LANGUAGES = {
    "xnli": ("en", "ar", "bg", "de", "el", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh"),
    "pawsx": ("de", "es", "fr", "ja", "ko", "zh"),
}
LR = 1e-3
SCALED = 10 + 10 * 9
PR_SET_CHILD_SUBREAPER = 36
SAMPLE_SECONDS = 0.25


class Watched:
    """What processes cost from here on: CPU and wall seconds, and the most memory they had together.

    Processes whose parent ends before them (a fork server's workers) become this one's own, so that their time counts.
    """

    def __init__(self) -> None:
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.peak_bytes = 0
        self._done = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._before, self._started = self._cpu(), time.perf_counter()
        self._sampler.start()

    @staticmethod
    def _cpu() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def _sample(self) -> None:
        me = psutil.Process()
        while not self._done.wait(SAMPLE_SECONDS):
            together = 0
            for child in me.children(recursive=True):
                try:
                    together += child.memory_full_info().pss  # shared pages count once
                except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                    continue  # it has just ended
            self.peak_bytes = max(self.peak_bytes, together)

    def end(self) -> dict[str, float]:
        """Wait for what is left, and return the costs."""
        wall = time.perf_counter() - self._started
        self._done.set()
        self._sampler.join()
        while True:
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                break
        return {"cpu": self._cpu() - self._before, "wall": wall, "peak_mib": self.peak_bytes / 2**20}


class Sweep:
    """One sweep, and the ways to run it."""

    def __init__(self, given: argparse.Namespace, folder: Path, layers: int) -> None:
        self.given, self.folder, self.layers = given, folder, layers
        self.intermediates = INTERMEDIATES[: given.intermediates]
        self.targets = dict(list(TARGETS.items())[: given.targets])
        self.seeds = list(range(1, given.seeds + 1))
        self.trainings = len(self.seeds) * len(self.intermediates) * (1 + len(self.targets))

    def naive(self, *, expert: bool) -> dict[str, Any]:
        """Run the user's loop."""
        scores: dict[str, dict[int, list[float]]] = {
            target: {seed: [] for seed in self.seeds} for target in self.targets
        }
        watched = Watched()
        with tempfile.TemporaryDirectory() as out:
            for seed in self.seeds:
                for intermediate in self.intermediates:
                    start = f"{out}/{seed}-{intermediate}"
                    self._run(expert, seed, intermediate, intermediate, start, None)
                    for target, train in self.targets.items():
                        found = self._run(expert, seed, target, train, f"{start}-{target}", start)
                        scores[target][seed].append(fmean(found.values()))
        return {**watched.end(), "scores": {target: _spread_of(by_seed) for target, by_seed in scores.items()}}

    def _run(self, expert: bool, seed: int, task: str, train: str, out: str, start: str | None) -> dict[str, float]:
        wanted = {
            "folder": str(self.folder),
            "device": self.given.device,
            "expert": expert,
            "seed": seed,
            "task": task,
            "train_task": train,
            "file": FILES[train],
            "limit": self.given.rows,
            "epochs": self.given.epochs,
            "lr": LR,
            "start": start,
            "out": out,
            "languages": LANGUAGES[task] if start else (),
            "predicted": self.given.predicted,
        }
        command = [sys.executable, str(Path(__file__).with_name("_naive.py")), json.dumps(wanted)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def recipe(self, layers: str, precision: str, *, cached: bool) -> dict[str, Any]:
        """Return the recipe of our way."""
        train = {"batch": BATCH, "epochs": self.given.epochs, "warmup": 0, "weight_decay": 0, "max_length": 128}
        tasks: dict[str, Any] = {
            name: {"files": {"train": FILES[name]}, "limit": {"train": self.given.rows}}
            for name in (*self.intermediates, *self.targets.values())
        }
        for name in self.targets:
            known = tasks.get(name, {"limit": {}})
            tasks[name] = known | {"limit": known["limit"] | {"validation": self.given.predicted}}
            tasks[name]["eval"] = {"languages": list(LANGUAGES[name])}
        return {
            "schema": 1,
            "name": "benchmark",
            "models": {"random": {"name": str(self.folder)}},
            "data_root": str(data_root()),
            "methods": {
                "lora": {"module": "lora", "compose": "warm", "lr": LR, "layers": layers, "precision": precision}
            },
            "train": {**train, "select": None},
            "tasks": tasks,
            "sweep": {
                "model": ["random"],
                "method": ["lora"],
                "intermediate": list(self.intermediates),
                "target": list(self.targets),
                "seed": self.seeds,
            },
            "eval": {"split": "validation"},
            "run": _ours.recipe_run(cached, self.given.device),
        }

    def ours(self, layers: str, precision: str, *, cached: bool) -> dict[str, Any]:
        """Run `layover run` on an empty store."""
        with tempfile.TemporaryDirectory() as out:
            recipe, store = Path(out) / "recipe.yaml", Path(out) / "store"
            recipe.write_text(
                json.dumps(self.recipe(layers, precision, cached=cached)), encoding="utf-8"
            )  # JSON is YAML
            command = [sys.executable, "-m", "layover"]
            options = [str(recipe), "--store", str(store), "--json"]
            watched = Watched()
            done = subprocess.run([*command, "run", *options], check=False, stdout=subprocess.PIPE, text=True)
            costs = watched.end()
            if done.returncode:
                raise SystemExit(f"layover run failed:\n{done.stdout[-2000:]}")
            subprocess.run([*command, "report", *options, "--out", f"{out}/report"], check=True, stdout=subprocess.PIPE)
            return {**costs, "scores": self._scores(Path(out) / "report" / "records.jsonl")}

    def _scores(self, records: Path) -> dict[str, dict[str, float]]:
        scores: dict[str, dict[int, list[float]]] = {
            target: {seed: [] for seed in self.seeds} for target in self.targets
        }
        for line in records.read_text(encoding="utf-8").splitlines():
            one = json.loads(line)
            values = one["record"]["languages"].values()
            scores[one["target"]][one["seed"]].append(fmean(value[one["metric"]] for value in values))
        return {target: _spread_of(by_seed) for target, by_seed in scores.items()}

    def ways(self) -> dict[str, Callable[[], dict[str, Any]]]:
        """Return every way by name."""
        half, quarter = f"top-{self.layers // 2}", f"top-{self.layers // 4}"
        return {
            "loop (a)": partial(self.naive, expert=False),
            "loop (b)": partial(self.naive, expert=True),
            "layover run, all layers, fp32": partial(self.ours, "all", "fp32", cached=False),
            "layover run, all layers, bf16": partial(self.ours, "all", "bf16", cached=False),
            "layover run, top half, bf16, kept states": partial(self.ours, half, "bf16", cached=True),
            "layover run, top quarter, bf16, kept states": partial(self.ours, quarter, "bf16", cached=True),
        }


def _spread_of(by_seed: dict[int, list[float]]) -> dict[str, float]:
    """Return the mean accuracy in percent, and the standard deviation of the seeds' means."""
    means = [fmean(values) for values in by_seed.values()]
    return {"mean": round(fmean(means), 2), "sd": round(stdev(means), 2) if len(means) > 1 else 0.0}


def main() -> None:
    """Measure."""
    parser = arguments(__doc__, repeats=1)
    parser.add_argument("--size", choices=list(SIZES), default="mini", help="of the encoder")
    parser.add_argument("--intermediates", type=int, choices=[1, 2], default=2)
    parser.add_argument("--targets", type=int, choices=[1, 2], default=2)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rows", type=int, default=400, help="that a task is trained on")
    parser.add_argument("--predicted", type=int, default=40, help="rows of a language")
    parser.add_argument("--epochs", type=int, default=3)
    given = parser.parse_args()
    if given.quick:
        given.intermediates = given.targets = given.seeds = given.repeats = 1
        given.rows, given.predicted, given.epochs = 32, 4, 1
    with encoder_folder(given.size) as folder:
        sweep = Sweep(given, folder, SIZES[given.size][0])
        tell(f"{sweep.trainings} trainings each way")
        turns = take_turns(sweep.ways(), given.repeats)
    found = {}
    for name, each in turns.items():
        per_training = [one["cpu"] / sweep.trainings for one in each]
        found[name] = {
            "cpu_seconds": spread([one["cpu"] for one in each], 1),
            "wall_seconds": spread([one["wall"] for one in each], 1),
            "peak_mib": spread([one["peak_mib"] for one in each], 0),
            "scaled_cpu_minutes": spread([SCALED * one / 60 for one in per_training], 2),
            "scores": each[0]["scores"],
        }
    body = {"encoder": given.size, "trainings": sweep.trainings, "scaled_to_trainings": SCALED, "ways": found}
    finish("sweep" if given.size == "mini" else f"sweep-{given.size}", given, body)


if __name__ == "__main__":
    main()
