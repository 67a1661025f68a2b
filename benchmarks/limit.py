"""How near to the machine's limit: CPU time of training steps and predictions as a multiple of their floor.

    python benchmarks/limit.py [--only mini,small,base] [--modules lora-qv,...] [--precisions fp32,bf16] [--repeats 7]

The floor is the operations that cannot be done without (`_floor.py`: products of real tokens) at the rate of
`torch.mm` on the best of the shapes of the layer's own products, with as many tokens as a step has, the same precision
and threads, measured in the same round. Of a classification, the last layer needs only the first token of each row:
`strict` counts so, the plain floor counts all tokens in all layers. The profile says where the time goes. `quickstart`
among `--only` measures the trainings and predictions of a part of that recipe the same way.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _floor
import _ours
import torch
from _common import BATCH, Kept, arguments, encoder_folder, finish, spread, take_turns, tell, training_rows
from _quickstart import quickstart
from _rates import DenseRate, seconds
from torch.profiler import ProfilerActivity, profile

from layover import compositions, modules
from layover.compositions import AttachedModule, Attachment
from layover.data.features import Features
from layover.encoder import Encoder
from layover.modules import LINEARS, Module
from layover.numerics import Precision
from layover_sandbox.encoders import folder_of

SIZES = {"mini": 6, "small": 6, "base": 2}
"""Size -> steps of a turn."""
RANKS = {"mini": 4, "small": 4, "base": 8}
"""Of a LoRA on all linear maps."""
MODULES = ("lora-qv", "lora-all", "bottleneck", "full", "fuse")
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
GOALS = {
    ("mini", "lora-all", "fp32"): 1.6,
    ("mini", "lora-all", "bf16"): 2.0,
    ("base", "lora-qv", "bf16"): 1.33,
    ("base", "lora-all", "bf16"): 1.33,
}
"""Most that a training step should take, as a multiple of its floor; 1.33 is 75 % of the dense rate."""
SHOWN = 8


@dataclass(frozen=True)
class Case:
    """An encoder with attachments on it, and rows."""

    size: str
    module: str
    precision: Precision
    encoder: Encoder
    attachments: Sequence[Attachment]
    features: Features

    @property
    def name(self) -> str:
        return f"{self.size} {self.module} {self.precision}"


def module_of(name: str, size: str) -> Module:
    """Return the module of a name of `MODULES`."""
    if name == "lora-all":
        return modules.get("lora")(rank=RANKS[size], target=tuple(LINEARS))
    return modules.get({"lora-qv": "lora", "fuse": "bottleneck"}.get(name, name))()


def attach(encoder: Encoder, name: str, size: str) -> list[Attachment]:
    """Put a fresh module, or a fresh mix of two modules, on the encoder, and return it."""
    module = module_of(name, size)
    attachments: list[Attachment] = [AttachedModule("target", module, None, trainable=True)]
    if module.whole:
        return attachments  # the encoder comes with it
    if name == "fuse":
        encoder.attach(attachments)
        noise = torch.Generator().manual_seed(0)
        members = []
        for member in ("intermediate.0", "intermediate.1"):
            weights = {
                weight: value + 0.02 * torch.randn(value.shape, generator=noise)
                for weight, value in encoder.state("target").items()
            }
            members.append(AttachedModule(member, module, weights, trainable=False))
        attachments = compositions.get("fuse")().attachments(module, members, shape=encoder.shape, seed=0)
    encoder.attach(attachments)
    return attachments


def measured(case: Case, given: argparse.Namespace) -> dict[str, Any]:
    """Return the costs of a training step and of a prediction, as multiples of their floors."""
    encoder, features, device = case.encoder, case.features, given.device
    head = _ours.make_head("classification", encoder)
    batch = _floor.Batch.of(features.lengths)
    sizes = (case.attachments, encoder.shape, batch)
    floors = {
        "training": {name: _floor.training(*sizes, first_only=name == "strict") for name in ("plain", "strict")},
        "prediction": {name: _floor.forward(*sizes, first_only=name == "strict") for name in ("plain", "strict")},
    }

    def training() -> dict[str, Any]:
        return {"cpu": _ours.last_epoch(encoder, head, features, case.precision, device)}

    def prediction() -> dict[str, Any]:
        started = seconds(device)
        _ours.predicted(encoder, head, features, case.precision, device)
        return {"cpu": seconds(device) - started}

    tokens = round(int(features.lengths.sum()) * BATCH / features.rows / 32) * 32
    dense = DenseRate(encoder.shape, tokens, case.precision, device, 0.06 if given.quick else 0.3)
    ways: dict[str, Callable[[], dict[str, Any]]] = {"training": training, "prediction": prediction}
    take_turns(ways, 1, quiet=True)  # warms up
    turns = take_turns({"dense": dense.measure, **ways}, given.repeats, quiet=True)
    best = [max(rates.values()) for rates in turns["dense"]]
    result: dict[str, Any] = {
        "tokens_of_a_step": tokens,
        "dense_gflops": {
            shape: round(max(rates[shape] for rates in turns["dense"]) / 1e9, 1) for shape in turns["dense"][0]
        },
        "goal": GOALS.get((case.size, case.module, case.precision)),
    }
    for name, work in ways.items():
        costs = [turn["cpu"] for turn in turns[name]]
        multiples = {
            floor: [cost * rate / operations for cost, rate in zip(costs, best, strict=True)]
            for floor, operations in floors[name].items()
        }
        result[name] = {
            "milliseconds_of_a_step": spread([1000 * cost * BATCH / features.rows for cost in costs], 2),
            "gflops": spread([floors[name]["plain"] / cost / 1e9 for cost in costs], 1),
            "of_floor": spread(multiples["plain"], 3),
            "of_strict_floor": spread(multiples["strict"], 3),
            "self_time": breakdown(work, device) if given.profile else [],
        }
    return result


def breakdown(work: Callable[[], object], device: str) -> list[dict[str, Any]]:
    """Return the operators that take most of the time by themselves, with their share."""
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if device == "cuda" else [])
    with profile(activities=activities) as profiled:
        work()
    totals = {
        event.key: (event.self_device_time_total if device == "cuda" else event.self_cpu_time_total, event.count)
        for event in profiled.key_averages()
    }
    whole = sum(time for time, _ in totals.values())
    rows = sorted(totals.items(), key=lambda item: -item[1][0])[:SHOWN]
    return [{"operator": key, "share": round(time / whole, 4), "calls": count} for key, (time, count) in rows]


@contextmanager
def folder(size: str) -> Iterator[Path]:
    """Yield the folder of an encoder: a random one, or that of the sandbox."""
    if size == "small":
        path = folder_of("sandbox/small")
        if path is None:
            raise SystemExit("the sandbox has no encoder sandbox/small")
        yield path
        return
    with encoder_folder(size) as path:
        yield path


def cases(path: Path, size: str, given: argparse.Namespace, finished: Callable[[str], bool]) -> Iterator[Case]:
    """Yield the cases of a size; the frozen encoder is loaded once for each precision."""
    steps = 1 if given.quick else given.steps or SIZES[size]
    for precision in given.precisions:
        frozen = None
        for module in given.modules:
            if finished(f"{size} {module} {precision}"):
                continue
            features = _ours.within_vocabulary(training_rows("mnli", steps * BATCH), path)
            if module == "full":
                encoder = _ours.make_encoder(path, precision, module="full")
            else:
                encoder = frozen = frozen or _ours.make_encoder(path, precision, module="none")
            yield Case(size, module, precision, encoder, attach(encoder, module, size), features)


def line(name: str, result: dict[str, Any]) -> str:
    """Return a row for reading on a terminal."""
    parts = []
    for work in ("training", "prediction"):
        plain, strict = result[work]["of_floor"], result[work]["of_strict_floor"]
        parts.append(
            f"{work} {plain['median']:.2f} [{plain['min']:.2f}-{plain['max']:.2f}] ({strict['median']:.2f} strict)"
        )
    goal = f"; goal {result['goal']:g}" if result["goal"] else ""
    return f"{name:24} x floor: {', '.join(parts)}; {max(result['dense_gflops'].values()):.0f} GFLOP/s dense{goal}"


def names(known: Sequence[str]) -> Callable[[str], list[str]]:
    """Return a reader of comma-separated names."""

    def read(text: str) -> list[str]:
        chosen = text.split(",")
        if unknown := [name for name in chosen if name not in known]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known are {', '.join(known)}")
        return chosen

    return read


def main() -> None:
    """Measure."""
    parser = arguments(__doc__, repeats=7)
    every = [*SIZES, "quickstart"]
    parser.add_argument("--only", type=names(every), default=every, help=f"some of {','.join(every)}")
    parser.add_argument("--modules", type=names(MODULES), default=list(MODULES), help=f"some of {','.join(MODULES)}")
    parser.add_argument("--precisions", type=names(PRECISIONS), default=list(PRECISIONS), help="fp32, bf16 or both")
    parser.add_argument("--steps", type=int, help="of a turn; by default it depends on the size")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--profile", action=argparse.BooleanOptionalAction, default=True, help="which operators take it"
    )
    given = parser.parse_args()
    if given.quick:
        given.only, given.repeats = [size for size in given.only if size != "base"], 1
    torch.set_num_threads(given.threads)
    whole = (given.only, given.modules, given.precisions) == (every, list(MODULES), list(PRECISIONS))
    kept = Kept("limit", given, apart={"only", "modules", "precisions"}, whole=whole)
    for size in given.only:
        if size == "quickstart":
            continue
        with folder(size) as path:
            for case in cases(path, size, given, lambda name: name in kept.rows):
                kept.add(case.name, measured(case, given))
                tell(line(case.name, kept.rows[case.name]))
    if "quickstart" in given.only and "quickstart" not in kept.rows:
        kept.add("quickstart", quickstart(given))
    finish("limit", given, {"encoder": "mini, sandbox/small and base", "rows": kept.rows}, whole=whole)
    kept.end()


if __name__ == "__main__":
    main()
