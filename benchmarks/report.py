"""A report of a large sweep: seconds, memory and bytes, on simulated records.

    python benchmarks/report.py [--quick]

Two models, six methods, twelve intermediates and twelve targets with forty languages, one seed or three.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import psutil
from _common import arguments, finish, tell

from layover.breakdown import Agreement, Breakdown, PartScore
from layover.plan import Cell, Plan
from layover.recipe.schema import Report
from layover.records import Record
from layover.report import CellRow
from layover.report.costs import TargetCost
from layover.report.curves import CurvePoint, TrainingCurve
from layover.report.files import write_report
from layover.statistics import GROUPS

SIZES = {"one seed": (2, 6, 13, 12, 1), "three seeds": (1, 6, 9, 12, 3)}
"""Models, methods, intermediates (`none` included), targets, seeds."""
LANGUAGES = [
    "en",
    "af",
    "ar",
    "bg",
    "bn",
    "de",
    "el",
    "es",
    "et",
    "eu",
    "fa",
    "fi",
    "fr",
    "he",
    "hi",
    "hu",
    "id",
    "it",
    "ja",
    "jv",
    "ka",
    "kk",
    "ko",
    "ml",
    "mr",
    "ms",
    "my",
    "nl",
    "pt",
    "ru",
    "sw",
    "ta",
    "te",
    "th",
    "tl",
    "tr",
    "ur",
    "vi",
    "yo",
    "zh",
]
"""The languages of XTREME."""


def rows_of(models: int, methods: int, intermediates: int, targets: int, seeds: int) -> list[CellRow]:
    """Return the rows of a sweep whose scores are drawn."""
    random = np.random.default_rng(0)
    metrics = ("accuracy", "macro_f1")
    made: dict[tuple[int, ...], tuple[Record, dict[str, Any]]] = {}

    def scored(*place: int) -> tuple[Record, dict[str, Any]]:
        if place not in made:
            values = random.normal(60, 8, (len(LANGUAGES), 2)).clip(0, 100)
            scores: dict[str, dict[str, float] | None] = {
                name: dict(zip(metrics, map(float, line), strict=True))
                for name, line in zip(LANGUAGES, values, strict=True)
            }
            record = Record(
                metrics=metrics,
                source_language=LANGUAGES[0],
                languages=scores,
                examples=dict.fromkeys(LANGUAGES, 1000),
                missing={},
            )
            made[place] = record, {name: random.normal(0, 0.2, (2, GROUPS)) for name in LANGUAGES}
        return made[place]

    rows = []
    for place in np.ndindex(models, methods, intermediates, targets, seeds):
        model, method, intermediate, target, seed = place
        name = "none" if intermediate == 0 else f"intermediate-{intermediate}"
        key = "-".join(map(str, place))
        baseline = None if intermediate == 0 else scored(model, method, 0, target, seed)
        own = scored(*place)
        points = tuple(CurvePoint(float(step), 1 / (step + 1), 50.0 + step) for step in range(10))
        cell = Cell(
            f"model-{model}", f"method-{method}", name, f"target-{target}", seed, f"t{key}", f"s{key}", baseline and "b"
        )
        rows.append(
            CellRow(
                cell,
                "accuracy",
                "test",
                {},
                own[0],
                None if baseline is None else baseline[0],
                None,
                cost=TargetCost(100_000, float(random.uniform(10, 90)), 0.0),
                items=own[1],
                baseline_items=None if baseline is None else baseline[1],
                curves=(TrainingCurve(f"t{key}", "train", points),),
                breakdown=_breakdown(random),
            )
        )
    return rows


def _breakdown(random: np.random.Generator) -> Breakdown:
    """Return parts of five lengths and the agreement of translations, drawn."""
    scores = random.normal(60, 8, 5).tolist()
    parts = {
        32 * 2**number: PartScore(examples=200, cut=0, scores={"accuracy": score, "macro_f1": score})
        for number, score in enumerate(scores)
    }
    agreement = Agreement(items=1000, same=int(random.integers(500, 900)), right=400)
    return Breakdown(
        lengths=dict.fromkeys(LANGUAGES, parts),
        translations=dict.fromkeys(LANGUAGES[1:], agreement),
        everywhere=agreement,
    )


def plan_of(rows: list[CellRow]) -> Plan:
    """Return what a report reads of a plan."""
    targets = list(dict.fromkeys(row.cell.target for row in rows))
    metrics = next((row.record.metrics for row in rows if row.record is not None), ())
    task = SimpleNamespace(metrics=metrics, kind="classification", labels=("0", "1"))
    document = SimpleNamespace(name="large", report=Report(), sweep=SimpleNamespace(target=targets, method=[], seed=[]))
    recipe = SimpleNamespace(
        document=document,
        baseline=lambda: "method-0",
        full_methods=lambda: ["method-0"],
        tasks=dict.fromkeys(targets, task),
        tuned={},
    )
    values: dict[str, Any] = {"recipe": recipe, "notes": (), "pending": (), "nodes": {}, "rounds": (), "cells": ()}
    return cast(Plan, SimpleNamespace(**values))


def measured(size: str) -> dict[str, Any]:
    """Return the costs of a report, in a process of its own."""
    rows = rows_of(*SIZES[size])
    plan, process = plan_of(rows), psutil.Process()
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        write_report(plan, rows, Path(folder))
        files = {path.name: path.stat().st_size for path in Path(folder).iterdir()}
    return {
        "cells": len(rows),
        "languages": len(LANGUAGES),
        "cpu": time.process_time() - start,
        "peak_mib": process.memory_info().rss / 2**20,
        "html_mb": files["report.html"] / 1e6,
        "files_mb": sum(files.values()) / 1e6,
    }


def main() -> None:
    """Measure."""
    parser = arguments(__doc__, repeats=1)
    parser.add_argument("--child", choices=SIZES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.quick:
        SIZES.update({"one seed": (1, 2, 3, 2, 1), "three seeds": (1, 2, 3, 2, 3)})
    if given.child:
        print(json.dumps(measured(given.child)))
        return
    sizes = {}
    for size in SIZES:
        command = [sys.executable, __file__, "--child", size, *(["--quick"] if given.quick else [])]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        sizes[size] = json.loads(done.stdout)
        tell(f"{size}: {sizes[size]}")
    finish("report", given, {"encoder": "no", "sizes": sizes})


if __name__ == "__main__":
    main()
