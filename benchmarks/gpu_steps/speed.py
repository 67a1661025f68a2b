"""Speed on the device: training, prediction and the search for neighbours, against the Trainer and dense products.

Ways take turns, as in the other benchmarks: (a) is the Trainer with peft as users run it, (b) as an expert would. A
peer whose library is absent is named with the reason. LoRA is of rank 8 on query and value. Tokens are real ones.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, get_args

import _floor
import _ours
import numpy as np
import torch
from _common import spread

from gpu_steps._made import encoder_folder, rows, shape_of
from gpu_steps._record import Record, Settings
from gpu_steps._timing import Way, per_call, tf32, timed, turns
from layover import modules
from layover.compositions import AttachedModule
from layover.data.features import Features
from layover.execution import Execution
from layover.inference.neighbours import both_ways
from layover.kinds._matching import NEIGHBOURS
from layover.numerics import Precision, computes_in

BUDGET = 130.0
LORA = [AttachedModule("target", modules.get("lora")(), None, trainable=True)]
"""The module that all ways train; the operations of `full` are more."""
NEEDED = {"full fine-tuning": ("transformers",), "peft LoRA": ("transformers", "peft"), "ours, nf4": ("bitsandbytes",)}
"""What each way needs beside Layover's own libraries."""


def run(record: Record, settings: Settings) -> None:
    """Measure; each case has its share of the time that is left."""
    record.values |= {"dense": {}, "train": {}, "predict": {}, "neighbours": {}, "absent": absent()}
    sizes = ("base",) if settings.quick else ("base", "large")
    cases: list[tuple[str, Callable[[float], None]]] = []
    for size in sizes:
        cases.append((f"dense products, {size}", partial(dense, record, settings, size)))
        cases.append((f"training, {size}, batch 16", partial(training, record, settings, size, 16)))
        cases.append((f"prediction, {size}", partial(prediction, record, settings, size)))
    cases.append(("neighbours", partial(neighbours, record, settings)))
    if not settings.quick:
        cases += [(f"training, {size}, batch 64", partial(training, record, settings, size, 64)) for size in sizes]
    for number, (name, work) in enumerate(cases):
        record.case(name, partial(work, record.left() / (len(cases) - number)))


def absent() -> dict[str, str]:
    """Return the ways that cannot be measured here, with what they lack."""
    lacking = {
        name: ", ".join(library for library in libraries if importlib.util.find_spec(library) is None)
        for name, libraries in NEEDED.items()
    }
    return {name: f"not installed: {libraries}" for name, libraries in lacking.items() if libraries}


def precisions(settings: Settings) -> tuple[Precision, ...]:
    """Return the precisions that are compared; TF32 on a GPU alone."""
    known: tuple[Precision, ...] = get_args(Precision)
    return tuple(name for name in known if name in {"fp32", "bf16"} or (name == "tf32" and settings.on_gpu))


def dense(record: Record, settings: Settings, size: str, _seconds: float) -> None:
    """Measure the rate of the layer's products, with as many tokens as a small step has, and as a large one."""
    hidden = shape_of(settings, size).hidden
    kinds = {"fp32": (torch.float32, False), "bf16": (torch.bfloat16, False)}
    if settings.on_gpu:
        kinds["tf32"] = (torch.float32, True)
    for name, (dtype, fast) in kinds.items():
        with tf32(fast):
            rates = {
                str(tokens): round(max(products(tokens, hidden, dtype, settings.device)) / 1e9, 1)
                for tokens in ((256,) if settings.quick else (768, 3072, 16384))
            }
        record.values["dense"][f"{size}, {name}"] = rates


def products(tokens: int, hidden: int, dtype: torch.dtype, device: str) -> list[float]:
    """Return the operations per second of the three shapes of products in a layer."""
    rates = []
    for inner, outer in ((hidden, hidden), (hidden, 4 * hidden), (4 * hidden, hidden)):
        left = torch.randn(tokens, inner, device=device, dtype=dtype)
        right = torch.randn(inner, outer, device=device, dtype=dtype)
        seconds = per_call(partial(torch.mm, left, right), device)
        rates.append(2 * tokens * inner * outer / seconds)
    return rates


def training(record: Record, settings: Settings, size: str, batch: int, seconds: float) -> None:
    """Measure training steps; every way goes on with its own model in its next turn."""
    steps = 1 if settings.quick else 12
    shape, folder = shape_of(settings, size), encoder_folder(settings, size)
    features = rows("classification", steps * batch, shape.vocabulary)

    def ours(precision: Precision, dropout: float) -> Way:
        encoder = _ours.make_encoder(folder, precision, dropout=dropout)
        head = _ours.make_head("classification", encoder, dropout)
        return lambda: _ours.train(encoder, head, features, precision, settings.device, batch=batch)[0]

    ways: dict[str, Way] = {}
    for precision in precisions(settings):
        for dropout in (0.1,) if settings.quick else (0.1, 0.0):
            ways[f"ours, {precision}, dropout {dropout:g}"] = ours(precision, dropout)
    if size == "base" and "ours, nf4" not in record.values["absent"]:
        ways["ours, nf4, dropout 0.1"] = ours("nf4", 0.1)
    ways |= peers_of_training(record, settings, folder, features, batch)
    took = turns(record, ways, seconds, rounds=1 if settings.quick else 7)
    operations = _floor.training(LORA, shape, _floor.Batch.of(features.lengths))
    record.values["train"][f"{size}, batch {batch}"] = rates(record, size, took, features, operations)


def peers_of_training(
    record: Record, settings: Settings, folder: Path, features: Features, batch: int
) -> dict[str, Way]:
    """Return the peers that are there."""
    if "full fine-tuning" in record.values["absent"]:
        return {}
    import _peers

    def peer(method: str, style: _peers.Style) -> Way:
        model = _peers.make_model(folder, "classification", method)

        def work() -> float:
            with tempfile.TemporaryDirectory(dir=settings.work) as out:
                return _peers.train(model, style, features, folder, settings.device, Path(out), batch)[0]

        return work

    ways = {"full fine-tuning (a)": peer("full", _peers.AS_USERS_DO)}
    if "peft LoRA" not in record.values["absent"]:
        ways["peft LoRA (a)"] = peer("peft-lora", _peers.AS_USERS_DO)
        ways["peft LoRA (b)"] = peer("peft-lora", _peers.AS_AN_EXPERT)
    return ways


def prediction(record: Record, settings: Settings, size: str, seconds: float) -> None:
    """Measure predictions; models and rows are ready."""
    count = 32 if settings.quick else 2048
    shape, folder, device = shape_of(settings, size), encoder_folder(settings, size), settings.device
    features = rows("classification", count, shape.vocabulary)
    ways: dict[str, Way] = {}
    nf4: tuple[Precision, ...] = ("nf4",) if size == "base" and "ours, nf4" not in record.values["absent"] else ()
    for precision in (*precisions(settings), *nf4):
        encoder = _ours.make_encoder(folder, precision)
        head = _ours.make_head("classification", encoder)
        work = partial(_ours.predicted, encoder, head, features, precision, device)
        ways[f"ours, {precision}"] = partial(timed, device, work)
    if "peft LoRA" not in record.values["absent"]:
        import _peers

        for name, style in (("a", _peers.AS_USERS_DO), ("b", _peers.AS_AN_EXPERT)):
            model = _peers.make_model(folder, "classification", "peft-lora")
            trainer = _peers.make_trainer(model, style, folder, device, Path(settings.work) / "predictions")
            ready = _peers.rows_of(features, padded=style.padded)
            ways[f"peft LoRA ({name})"] = partial(timed, device, partial(_peers.predict, trainer, ready, features))
    took = turns(record, ways, seconds, rounds=1 if settings.quick else 7)
    operations = _floor.forward(LORA, shape, _floor.Batch.of(features.lengths))
    record.values["predict"][size] = rates(record, size, took, features, operations)


def rates(
    record: Record, size: str, took: Mapping[str, list[float]], features: Features, operations: float
) -> dict[str, Any]:
    """Return the tokens per second of every way, and of ours the share of the best rate of dense products."""
    tokens = int(features.lengths.sum())
    ways: dict[str, Any] = {}
    for name, seconds in took.items():
        ways[name] = {"tokens_per_second": spread([tokens / each for each in seconds], 1)}
        if name.startswith("ours, "):
            precision = name.split(", ")[1]
            kind = "tf32" if precision == "tf32" else computes_in(precision)  # type: ignore[arg-type]
            best = max(record.values["dense"][f"{size}, {kind}"].values()) * 1e9
            ways[name]["of_dense"] = spread([operations / each / best for each in seconds], 4)
    return {"rows": features.rows, "mean_length": round(tokens / features.rows, 1), "ways": ways}


def neighbours(record: Record, settings: Settings, seconds: float) -> None:
    """Measure the search against the whole matrix and topk on the same device."""
    count, hidden = (512, 64) if settings.quick else (32768, 1024)
    drawn, device = np.random.default_rng(0), settings.device
    left, right = (drawn.standard_normal((count, hidden), dtype=np.float32) for _ in range(2))

    def matrix() -> None:
        sides = (torch.from_numpy(side).to(device) for side in (left, right))
        one, other = (torch.nn.functional.normalize(side) for side in sides)
        cosines = one @ other.T
        for dim in (0, 1):
            cosines.topk(NEIGHBOURS, dim=dim).indices.cpu()

    ours = partial(both_ways, left, right, execution=Execution(device=device))
    ways = {"ours": partial(timed, device, ours), "matrix and topk": partial(timed, device, matrix)}
    took = turns(record, ways, seconds, rounds=1 if settings.quick else 7)
    found = {name: {"seconds": spread(values, 4)} for name, values in took.items()}
    record.values["neighbours"] = {"rows": count, "hidden": hidden, "ways": found}
