"""Objectives: the passes of a step, its arithmetic as told and as counted, its time, and its memory.

    python benchmarks/objectives.py [--repeats 2]

LoRA of rank 8 on query and value of all layers of a random XLM-R; rows of 128 tokens without padding. Arithmetic and
time are ratios to the plain loss; all objectives take turns in one process. Memory is the peak of a process of its own,
beside the estimate of `layover plan`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import _ours
import numpy as np
from _common import BATCH, SIZES, WIDTH, arguments, encoder_folder, finish, spread, take_turns

from layover import kinds, modules, objectives
from layover.data.features import Features
from layover.objectives import PLAIN, Objective
from layover.shape import Shape

LENGTH = WIDTH["classification"]
STEPS = 2
EPOCHS = 1e6
"""So that the plain epochs of fgsm count for nothing in its arithmetic."""
SETTINGS = {"fgsm": {"warmup_epochs": 0.0}}
LEFT_OUT = ("consistency",)
"""Its views have another number of tokens."""


def every() -> dict[str, Objective]:
    """Return the objectives by name, the plain loss first."""
    names = ["plain", *(name for name in objectives.names() if name not in ("plain", *LEFT_OUT))]
    return {name: objectives.get(name)(**SETTINGS.get(name, {})) for name in names}


def made_up(rows: int) -> Features:
    """Return rows of equal lengths."""
    arrays = {
        "ids": np.random.default_rng(0).integers(4, 30_000, rows * LENGTH).astype(np.int32),
        "offsets": np.arange(0, rows * LENGTH + 1, LENGTH, dtype=np.int64),
        "example": np.arange(rows, dtype=np.int32),
        "label": np.arange(rows, dtype=np.int64) % 3,
    }
    return Features(arrays, columns=kinds.get("classification").columns)


class Bench:
    """An encoder with a LoRA, and steps of any objective on it."""

    def __init__(self, folder: Path) -> None:
        from layover.data.masking import Moment
        from layover.inference.collate import collate

        self.encoder = _ours.make_encoder(folder, "fp32")
        self.head = _ours.make_head("classification", self.encoder)
        self.encoder.train()
        self.head.train()
        features = made_up(BATCH)
        self.encoder.need(features.arrays["ids"])
        self.batch = collate(features, np.arange(BATCH), pad=1, moment=Moment(0, 0))

    def step(self, objective: Objective) -> None:
        """Run forward and backward."""
        from layover.training.forward import TrainingForward

        forward = TrainingForward(
            self.encoder, self.head, self.encoder.clock, 0, float(BATCH), False, self.batch, epoch=1.0
        )
        for loss in objective.losses(forward, self.batch):
            loss.backward()

    def timed(self, objective: Objective) -> dict[str, Any]:
        """Return the seconds of some steps."""
        start = time.perf_counter()
        for _ in range(STEPS):
            self.step(objective)
        return {"seconds": (time.perf_counter() - start) / STEPS}

    def counted(self, objective: Objective) -> float:
        """Return the operations of a step."""
        from torch.nn.attention import SDPBackend, sdpa_kernel
        from torch.utils.flop_counter import FlopCounterMode

        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            self.step(objective)
        return float(counter.get_total_flops())


def told(objective: Objective, shape: Shape) -> tuple[float, float]:
    """Return the operations of a token, and the peak of a training in MiB, as a plan estimates both."""
    from layover.estimates.cost import token_flops
    from layover.estimates.loads import perturbed_layer
    from layover.estimates.passes import Pass
    from layover.memory import Load, Workload, kept_per_layer
    from layover.specs import EncoderSpec, Hyperparameters
    from layover.specs.train import TaskSpec, TrainSpec

    module = modules.get("lora")()
    spec = TrainSpec(
        encoder=EncoderSpec(),
        module=module,
        objective=objective,
        hyperparameters=Hyperparameters(lr=1e-3, epochs=EPOCHS, batch=BATCH, seed=1),
        tasks=(TaskSpec("", "classification", ("a", "b", "c"), None),),
    )
    flops = token_flops(spec, shape, Pass("", 1.0, trains=True, kind="classification", hidden_percent=15))
    passes = objective.passes(EPOCHS)
    lowest = perturbed_layer(spec, shape) if any(each.perturbation for each in passes) else 0
    work = Workload(
        shape,
        "fp32",
        lowest=lowest,
        trained=module.parameter_count(shape),
        kept=kept_per_layer(module, shape),
        words=BATCH * LENGTH * STEPS,
        first_only=True,
        graphs=objective.graphs,
        perturbed=objective.place is not None,
        length=LENGTH,
    )
    return flops, Load(work, trains=True, most=BATCH * LENGTH).peak() / 2**20


def peak_of(name: str, folder: Path) -> float:
    """Train in this process; return its peak in MiB."""
    from layover.execution import Execution
    from layover.specs import Hyperparameters
    from layover.training import Branch, fit

    encoder = _ours.make_encoder(folder, "fp32")
    head = _ours.make_head("classification", encoder)
    fit(
        encoder,
        [Branch("benchmark", head, made_up(STEPS * BATCH))],
        hyperparameters=Hyperparameters(lr=1e-4, epochs=1, batch=BATCH, seed=0, warmup=0),
        execution=Execution(device="cpu", micro_batch_tokens=BATCH * LENGTH),
        clock=encoder.clock,
        judge=None,
        checkpoint_dir=None,
        progress=lambda _: None,
        objective=every()[name],
    )
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1024


def in_a_process(name: str, folder: Path) -> float:
    """Return the peak of a training in a process of its own."""
    command = [sys.executable, __file__, "--child", json.dumps([name, str(folder)])]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ})
    return float(done.stdout.splitlines()[-1])


def row(name: str, objective: Objective, bench: Bench, plain: dict[str, float], folder: Path) -> dict[str, Any]:
    """Return what does not depend on the machine's mood, for one objective."""
    flops, estimate = told(objective, bench.encoder.shape)
    passes = [
        {"count": each.count, "weights": each.weights, "perturbation": each.perturbation}
        for each in objective.passes(EPOCHS)
        if each.count
    ]
    peak = in_a_process(name, folder)
    return {
        "passes": passes,
        "graphs": objective.graphs,
        "told": round(flops / plain["told"], 3),
        "counted": round(bench.counted(objective) / plain["counted"], 3),
        "peak_mib": round(peak, 1),
        "estimated_mib": round(estimate, 1),
    }


def main() -> None:
    """Measure."""
    parser = arguments(__doc__, repeats=2)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        name, folder = json.loads(given.child)
        print(peak_of(name, Path(folder)))
        return
    size = "mini"  # ratios hardly depend on the size, and the whole table takes some minutes
    if given.quick:
        given.repeats = 1
    with encoder_folder(size) as folder:
        bench, found = Bench(folder), every()
        bench.step(PLAIN)  # the first step is slower
        plain = {"told": told(PLAIN, bench.encoder.shape)[0], "counted": bench.counted(PLAIN)}
        rows = {name: row(name, objective, bench, plain, folder) for name, objective in found.items()}
        turns = take_turns({name: partial(bench.timed, each) for name, each in found.items()}, given.repeats)
    for name, each in turns.items():
        ratios = [one["seconds"] / base["seconds"] for one, base in zip(each, turns["plain"], strict=True)]
        rows[name]["time"] = spread(ratios, 2)
    finish("objectives", given, {"encoder": size, "layers": SIZES[size][0], "objectives": rows})


if __name__ == "__main__":
    main()
