"""A whole sweep: `layover run` against the loops that a user and an expert write.

    python benchmarks/sweep.py [--size small] [--seeds 2] [--repeats 3] [--ways "loop (a)" ...]
    python benchmarks/sweep.py --intermediates 10 --targets 9 --seeds 1 --repeats 1 --dropouts 0

Intermediates x targets x seeds with LoRA: train the intermediate, continue with it on the target, predict the target's
languages. Loops (a) and (b) start a Trainer process per run; the expert's loop is one process for all runs. Measured of
every way: CPU time of all its processes, wall time, peak memory of all of them together. The rows, epochs, batch,
learning rate, rank, threads and dropout are the same; scores are given with their spread over seeds.

A run that is killed resumes: it keeps the ways that it has finished.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import _ours
import _sandbox_tasks
from _common import BATCH, SIZES, Kept, arguments, encoder_folder, finish, spread, tell
from _watched import Watched

from layover_sandbox.encoders import folder_of

LR = 3e-3
SMALL = "small"
"""The pretrained encoder of the sandbox; the others are random."""
USER: dict[str, Any] = {"padded": True, "grouped": False, "arguments": {}}
"""The Trainer's own defaults: fp32, 8 rows at once in predictions; everything padded to the longest input."""
EXPERT: dict[str, Any] = {
    "padded": False,
    "grouped": True,
    "arguments": {"bf16": True, "optim": "adamw_torch_fused", "per_device_eval_batch_size": 64},
}
GOALS = {
    "layover run, all layers, fp32": {"loop (a)": 7},
    "layover run, all layers, bf16": {"loop (a)": 10, "expert loop, bf16": 2},
    "layover run, top half, bf16, kept states": {"loop (a)": 25, "expert loop, bf16": 4},
    "layover run, top quarter, bf16, kept states": {"loop (a)": 60},
}
"""Way -> the other way, and the factor of its CPU time that is the goal."""
Scores = dict[str, dict[int, float]]
"""Target -> seed -> mean score over languages and intermediates."""


class Sweep:
    """One sweep, and the ways to run it."""

    def __init__(self, given: argparse.Namespace, folder: Path, layers: int, data: Path) -> None:
        self.given, self.folder, self.layers, self.data = given, folder, layers, data
        sources = _sandbox_tasks.INTERMEDIATES, _sandbox_tasks.TARGETS
        names = (list(each)[:count] for each, count in zip(sources, (given.intermediates, given.targets), strict=True))
        rows, predicted = (given.intermediate_rows, given.rows), (0, given.predicted)
        self.intermediates, self.targets = (
            [_sandbox_tasks.write(data, name, every[name], rows=count, predicted=shown) for name in chosen]
            for every, chosen, count, shown in zip(sources, names, rows, predicted, strict=True)
        )
        self.seeds = list(range(1, given.seeds + 1))
        self.trainings = len(self.seeds) * len(self.intermediates) * (1 + len(self.targets))
        self._environment = {**os.environ, "OMP_NUM_THREADS": str(given.threads), "TOKENIZERS_PARALLELISM": "false"}

    def loop(self, style: dict[str, Any], dropout: float) -> dict[str, Any]:
        """Run a loop with a process per run; an intermediate and its targets follow each other."""
        scores: dict[tuple[str, int], list[float]] = defaultdict(list)
        watched = Watched()
        with tempfile.TemporaryDirectory() as out, ThreadPoolExecutor(self.given.processes) as pool:

            def chain(seed: int, intermediate: _sandbox_tasks.Written) -> None:
                start = f"{out}/{seed}-{intermediate.name}"
                self._run(style, dropout, seed, intermediate, start, None)
                for target in self.targets:
                    by_language = self._run(style, dropout, seed, target, f"{start}-{target.name}", start)
                    scores[target.name, seed].append(fmean(by_language.values()))

            runs = [pool.submit(chain, seed, each) for seed in self.seeds for each in self.intermediates]
            for run in runs:
                run.result()
        return {**watched.end(), "scores": _means(scores)}

    def _run(
        self,
        style: dict[str, Any],
        dropout: float,
        seed: int,
        task: _sandbox_tasks.Written,
        out: str,
        start: str | None,
    ) -> dict[str, float]:
        wanted = {**self._wanted(dropout), **style, "seed": seed, "task": task.as_json(), "start": start, "out": out}
        return dict(json.loads(self._python("_naive.py", wanted)[-1]))

    def _wanted(self, dropout: float) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "data": str(self.data),
            "device": self.given.device,
            "epochs": self.given.epochs,
            "batch": BATCH,
            "lr": LR,
            "max_length": _sandbox_tasks.LONGEST,
            "dropout": dropout,
        }

    def _python(self, script: str, wanted: dict[str, Any]) -> list[str]:
        """Return the lines that a script of this folder prints."""
        command = [sys.executable, str(Path(__file__).with_name(script)), json.dumps(wanted)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=self._environment)
        if done.returncode:
            raise SystemExit(f"{script} failed:\n{done.stderr[-2000:]}")
        return done.stdout.splitlines()

    def expert(self, precision: str, top: int | None, dropout: float) -> dict[str, Any]:
        """Run the loop that is one process."""
        wanted = {
            **self._wanted(dropout),
            "precision": precision,
            "top": top,
            "threads": self.given.threads,
            "seeds": self.seeds,
            "intermediates": [each.as_json() for each in self.intermediates],
            "targets": [each.as_json() for each in self.targets],
        }
        watched = Watched()
        lines = self._python("_expert.py", wanted)
        costs, scores = watched.end(), defaultdict[tuple[str, int], list[float]](list)
        for line in map(json.loads, lines):
            scores[line["target"], line["seed"]].append(line["score"])
        return {**costs, "scores": _means(scores)}

    def recipe(self, layers: str, precision: str, dropout: float, *, cached: bool) -> dict[str, Any]:
        """Return the recipe of our way."""
        train = {"batch": BATCH, "epochs": self.given.epochs, "warmup": 0, "weight_decay": 0, "select": None}
        run = {**_ours.recipe_run(cached, self.given.device), "workers": self.given.processes}
        return {
            "schema": 1,
            "name": "benchmark",
            "models": {"encoder": {"name": str(self.folder)}},
            "data_root": str(self.data),
            "methods": {
                "lora": {
                    "module": "lora",
                    "compose": "warm",
                    "lr": LR,
                    "layers": layers,
                    "precision": precision,
                    "dropout": dropout,
                }
            },
            "train": {**train, "max_length": _sandbox_tasks.LONGEST},
            "tasks": {each.name: each.declared() for each in (*self.intermediates, *self.targets)},
            "sweep": {
                "model": ["encoder"],
                "method": ["lora"],
                "intermediate": [each.name for each in self.intermediates],
                "target": [each.name for each in self.targets],
                "seed": self.seeds,
            },
            "run": {**run, "threads": self.given.threads},
        }

    def ours(self, layers: str, precision: str, dropout: float, *, cached: bool) -> dict[str, Any]:
        """Run `layover run` on an empty store."""
        with tempfile.TemporaryDirectory() as out:
            recipe, store = Path(out) / "recipe.yaml", Path(out) / "store"
            contents = self.recipe(layers, precision, dropout, cached=cached)
            recipe.write_text(json.dumps(contents), encoding="utf-8")  # JSON is YAML
            command = [sys.executable, "-m", "layover"]
            options = [str(recipe), "--store", str(store), "--json"]
            environment = {name: value for name, value in self._environment.items() if name != "OMP_NUM_THREADS"}
            watched = Watched()
            done = subprocess.run(
                [*command, "run", *options], check=False, stdout=subprocess.PIPE, text=True, env=environment
            )
            costs = watched.end()
            if done.returncode:
                raise SystemExit(f"layover run failed:\n{done.stdout[-2000:]}")
            subprocess.run([*command, "report", *options, "--out", f"{out}/report"], check=True, stdout=subprocess.PIPE)
            return {**costs, "scores": _read_scores(Path(out) / "report" / "records.jsonl")}

    def ways(self) -> dict[str, Callable[[float], dict[str, Any]]]:
        """Return every way by name; each takes the dropout."""
        half, quarter = self.layers // 2, self.layers // 4
        ways: dict[str, Callable[[float], dict[str, Any]]] = {
            "loop (a)": partial(self.loop, USER),
            "loop (b)": partial(self.loop, EXPERT),
        }
        for precision in ("fp32", "bf16"):
            ways[f"expert loop, {precision}"] = partial(self.expert, precision, None)
        for precision in ("fp32", "bf16"):
            ways[f"expert loop, top half, {precision}"] = partial(self.expert, precision, half)
        for precision in ("fp32", "bf16"):
            ways[f"layover run, all layers, {precision}"] = partial(self.ours, "all", precision, cached=False)
        for name, top in (("half", half), ("quarter", quarter)):
            for precision in ("fp32", "bf16"):
                ways[f"layover run, top {name}, {precision}, kept states"] = partial(
                    self.ours, f"top-{top}", precision, cached=True
                )
        return ways


def _means(scores: dict[tuple[str, int], list[float]]) -> Scores:
    means: Scores = defaultdict(dict)
    for (target, seed), values in sorted(scores.items()):
        means[target][seed] = fmean(values)
    return dict(means)


def _read_scores(records: Path) -> Scores:
    """Return the scores of the cells in a report."""
    scores: dict[tuple[str, int], list[float]] = defaultdict(list)
    for line in map(json.loads, records.read_text(encoding="utf-8").splitlines()):
        values = line["record"]["languages"].values()
        scores[line["target"], line["seed"]].append(fmean(value[line["metric"]] for value in values))
    return _means(scores)


@contextmanager
def folder(size: str) -> Iterator[tuple[Path, int]]:
    """Yield the folder of an encoder and the number of its layers."""
    if size == SMALL:
        path = folder_of("sandbox/small")
        if path is None:
            raise SystemExit("the sandbox has no encoder sandbox/small")
        yield path, json.loads((path / "config.json").read_text(encoding="utf-8"))["num_hidden_layers"]
        return
    with encoder_folder(size) as path:
        yield path, SIZES[size][0]


def summary(rounds: list[dict[str, Any]], dropout: float) -> dict[str, Any]:
    """Return the costs of a way with their spread over rounds, and its scores with their spread over seeds."""
    scores: dict[str, dict[str, float]] = rounds[0]["scores"]
    seeds = [fmean(by_seed.values()) for by_seed in _by_seed(scores).values()]
    return {
        "dropout": dropout,
        "cpu_seconds": spread([costs["cpu"] for costs in rounds], 1),
        "wall_seconds": spread([costs["wall"] for costs in rounds], 1),
        "peak_mib": spread([costs["peak_mib"] for costs in rounds], 0),
        "score": {"mean": round(fmean(seeds), 2), "sd": round(stdev(seeds), 2) if len(seeds) > 1 else None},
        "scores": {target: round(fmean(by_seed.values()), 2) for target, by_seed in scores.items()},
    }


def _by_seed(scores: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    seeds: dict[str, dict[str, float]] = defaultdict(dict)
    for target, by_seed in scores.items():
        for seed, value in by_seed.items():
            seeds[seed][target] = value
    return seeds


def result_name(given: argparse.Namespace) -> str:
    """Return the name of the result: that of the sweep that nothing scales, of another encoder, or the plain one."""
    every = len(_sandbox_tasks.INTERMEDIATES), len(_sandbox_tasks.TARGETS)
    if (given.intermediates, given.targets) == every:
        return "sweep-whole"
    return "sweep" if given.size == SMALL else f"sweep-{given.size}"


def measured(sweep: Sweep, given: argparse.Namespace, kept: Kept) -> dict[str, Any]:
    """Return every way that was measured; they take turns."""
    ways = {name: work for name, work in sweep.ways().items() if given.ways is None or name in given.ways}
    turns: dict[str, list[dict[str, Any]]] = defaultdict(list)
    dropouts = {}
    for round_ in range(given.repeats):
        for dropout in given.dropouts:
            for name, work in ways.items():
                way = name if dropout == 0 else f"{name}, dropout {dropout:g}"
                row = f"{round_ + 1}: {way}"
                if row not in kept.rows:
                    kept.add(row, json.loads(json.dumps(work(dropout))))
                turns[way].append(kept.rows[row])
                dropouts[way] = dropout
                tell(f"{row}: {kept.rows[row]}")
    return {way: summary(rounds, dropouts[way]) for way, rounds in turns.items()}


def main() -> None:
    """Measure."""
    parser = arguments(__doc__, repeats=3)
    parser.add_argument("--size", choices=[SMALL, *SIZES], default=SMALL, help="of the encoder; only small is trained")
    most = [len(each) for each in (_sandbox_tasks.INTERMEDIATES, _sandbox_tasks.TARGETS)]
    parser.add_argument("--intermediates", type=int, choices=range(1, most[0] + 1), default=2, metavar="N")
    parser.add_argument("--targets", type=int, choices=range(1, most[1] + 1), default=2, metavar="N")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--intermediate-rows", type=int, default=400, help="that an intermediate is trained on")
    parser.add_argument("--rows", type=int, default=200, help="that a target is trained on")
    parser.add_argument("--predicted", type=int, default=40, help="rows of a language")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--dropouts", type=float, nargs="+", default=[0.0, 0.1], help="of all ways")
    parser.add_argument("--threads", type=int, default=1, help="of a process")
    parser.add_argument("--processes", type=int, default=2, help="at once, of loops (a) and (b) and of layover run")
    parser.add_argument("--ways", nargs="+", help="names of some ways; by default all")
    given = parser.parse_args()
    if given.quick:
        given.intermediates = given.targets = given.seeds = given.repeats = 1
        given.intermediate_rows, given.rows, given.predicted, given.epochs = 32, 32, 4, 1
    name = result_name(given)
    whole = given.ways is None or name == "sweep-whole"
    kept = Kept(name, given, apart={"ways"}, whole=whole)
    with folder(given.size) as (path, layers), tempfile.TemporaryDirectory() as data:
        sweep = Sweep(given, path, layers, Path(data))
        if unknown := [way for way in given.ways or () if way not in sweep.ways()]:
            parser.error(f"unknown: {', '.join(unknown)}; known are {', '.join(sweep.ways())}")
        tell(f"{sweep.trainings} trainings each way")
        ways = measured(sweep, given, kept)
    body = {
        "encoder": "sandbox/small" if given.size == SMALL else given.size,
        "trainings": sweep.trainings,
        "tasks": {
            "intermediates": [task.name for task in sweep.intermediates],
            "targets": [task.name for task in sweep.targets],
        },
        "goals": GOALS,
        "ways": ways,
    }
    finish(name, given, body, whole=whole)
    kept.end()


if __name__ == "__main__":
    main()
