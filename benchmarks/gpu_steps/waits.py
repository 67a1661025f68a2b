"""Where the process waits for the device, and the kernels of a training step.

torch warns of operations that wait (`torch.cuda.set_sync_debug_mode`); each is counted at the line of Layover that ran
it. It does not warn of copies that were asked not to wait and do.
"""

from __future__ import annotations

import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

import layover
from gpu_steps._made import encoder_folder, rows
from gpu_steps._models import Case, Model, case_of, composed, each_once, few, load, train
from gpu_steps._record import Record, Settings
from layover import heads, modules
from layover.compositions import AttachedModule
from layover.execution import Execution
from layover.inference.predict import predict
from layover.modules import LINEARS
from layover.numerics import Precision

BUDGET = 50.0
WARNS_OF = "called a synchronizing CUDA operation"
Place = tuple[str, str]
"""file:line below `src/layover`, and the function."""

IN_TRAINING: tuple[Place, ...] = (("training/loop.py", "read_losses"),)
"""Where a training may wait: for losses, every 16 steps."""
IN_PREDICTION: tuple[Place, ...] = (("heads/", "outputs"), ("heads/", "certainty"), ("inference/", ""))
"""Where a prediction may wait: for its answers. A folder stands for its files, no function for all."""
WARM, STEPS = 2, 6


def run(record: Record, settings: Settings) -> None:
    """Count."""
    record.values |= {"training": {}, "prediction": {}, "kernels": {}}
    if settings.on_gpu:
        record.case("a wait is noticed", partial(noticed, record))
    for case in few() if settings.quick else [*each_once(), *composed(variants=False)]:
        record.case(f"training, {case.name}", partial(of_training, record, settings, case, "fp32"))
        record.case(f"prediction, {case.name}", partial(of_prediction, record, settings, case, "fp32"))
    lora = case_of("lora", "classification")
    record.case("training, bf16", partial(of_training, record, settings, lora, "bf16"))
    record.case("prediction, bf16", partial(of_prediction, record, settings, lora, "bf16"))
    for target in ("query and value", "all maps"):
        for dropout in (0.1,) if settings.quick else (0.0, 0.1):
            for precision in ("bf16",) if settings.quick else ("fp32", "bf16"):
                name = f"{target}, dropout {dropout}, {precision}"
                record.case(f"kernels, {name}", partial(kernels, record, settings, name, target, dropout, precision))


@contextmanager
def watching(device: str) -> Iterator[Counter[Place]]:
    """Count the places that wait, as long as the context is open."""
    counts: Counter[Place] = Counter()

    def shown(
        message: Warning | str,
        category: type[Warning],  # noqa: ARG001 - the signature of `warnings.showwarning`
        filename: str,  # noqa: ARG001
        lineno: int,  # noqa: ARG001
        file: TextIO | None = None,  # noqa: ARG001
        line: str | None = None,  # noqa: ARG001
    ) -> None:
        if WARNS_OF in str(message):
            counts[place()] += 1

    if device != "cuda":
        yield counts
        return
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = shown
        before = torch.cuda.get_sync_debug_mode()
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield counts
        finally:
            torch.cuda.set_sync_debug_mode(before)


def place() -> Place:
    """Return the innermost line of Layover that is running."""
    home = Path(layover.__file__).parent
    for frame in reversed(traceback.extract_stack()):
        file = Path(frame.filename)
        if file.is_relative_to(home):
            return f"{file.relative_to(home)}:{frame.lineno}", frame.name
    return "(no line of Layover)", ""


def noticed(record: Record) -> None:
    """Check that waits are counted at all, where nothing else counts any."""
    with watching("cuda") as counts:
        float(torch.ones(1, device="cuda").sum())
    record.check("a wait is noticed", counts.total() >= 1, counted=counts.total())


def not_allowed(counts: Counter[Place], allowed: tuple[Place, ...]) -> dict[str, int]:
    """Return the places that should not wait."""

    def is_allowed(line: str, function: str) -> bool:
        return any(line.startswith(file) and name in {"", function} for file, name in allowed)

    return {f"{line} {function}": count for (line, function), count in counts.items() if not is_allowed(line, function)}


def listed(counts: Counter[Place], times: int) -> dict[str, float]:
    """Return the counts per step or batch, by place."""
    return {f"{line} {function}": round(count / times, 2) for (line, function), count in counts.most_common()}


def of_training(record: Record, settings: Settings, case: Case, precision: Precision) -> None:
    """Count the waits of training steps, without the first ones."""
    model = case.model(precision)
    with watching(settings.device) as counts:

        def progress(done: int) -> None:
            if done == WARM:
                counts.clear()

        train(model, settings.device, steps=WARM + STEPS, micro_tokens=None, progress=progress)
    name = f"{case.name}, {precision}"
    record.values["training"][name] = listed(counts, STEPS)
    wrong = not_allowed(counts, IN_TRAINING)
    record.check(f"training, {name}: no wait but for losses", not wrong, places=wrong, steps=STEPS)


def of_prediction(record: Record, settings: Settings, case: Case, precision: Precision) -> None:
    """Count the waits of a prediction in several batches."""
    model, batches = case.model(precision), [0]

    def progress(_done: int, _all: int) -> None:
        batches[0] += 1

    execution = Execution(device=settings.device, micro_batch_tokens=256)
    predict(model.encoder, model.head, model.features, execution=execution, precision=precision)
    with watching(settings.device) as counts:
        predict(model.encoder, model.head, model.features, execution=execution, precision=precision, progress=progress)
    name = f"{case.name}, {precision}"
    record.values["prediction"][name] = {"batches": batches[0], **listed(counts, max(1, batches[0]))}
    wrong = not_allowed(counts, IN_PREDICTION)
    record.check(f"prediction, {name}: no wait but for answers", not wrong, places=wrong, batches=batches[0])


def kernels(record: Record, settings: Settings, name: str, target: str, dropout: float, precision: Precision) -> None:
    """Count the kernels and the time of a training step of LoRA on XLM-R base, as the difference of two trainings."""
    least, most = (1, 2) if settings.quick else (2, 5)
    places = ("query", "value") if target == "query and value" else tuple(LINEARS)
    model = lora_model(settings, precision, places, dropout)
    train(model, settings.device, steps=1, batch=16, micro_tokens=None)
    counted = [profiled(settings, model, steps) for steps in (least, most)]
    record.values["kernels"][name] = {
        key: round((counted[1][key] - counted[0][key]) / (most - least), 2) for key in counted[0]
    }


def lora_model(settings: Settings, precision: Precision, places: tuple[str, ...], dropout: float) -> Model:
    """Return the encoder of size base with a fresh LoRA."""
    encoder = load(encoder_folder(settings, "base"), precision, whole=False, dropout=dropout)
    encoder.attach([AttachedModule("target", modules.get("lora")(target=places), None, trainable=True)])
    head = heads.build("classification", encoder.hidden_size, 3, clock=encoder.clock, dropout=dropout)
    return Model(encoder, head, encoder.clock, rows("classification", 128, encoder.shape.vocabulary), precision)


def profiled(settings: Settings, model: Model, steps: int) -> dict[str, float]:
    """Return what a training of so many steps launches, and the milliseconds in which the device is busy."""
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if settings.on_gpu else [])
    with profile(activities=activities) as seen:
        train(model, settings.device, steps=steps, batch=16, micro_tokens=None)
    counts: dict[str, float] = {"operators": 0, "launches": 0, "copies": 0, "waits": 0, "kernels": 0, "busy_ms": 0.0}
    for row in seen.key_averages():
        counts["operators"] += row.count * row.key.startswith("aten::")
        counts["launches"] += row.count * ("LaunchKernel" in row.key or "GraphLaunch" in row.key)
        counts["copies"] += row.count * row.key.startswith(("cudaMemcpy", "cudaMemset"))
        counts["waits"] += row.count * ("Synchronize" in row.key)
        if row.device_type == DeviceType.CUDA and not row.is_user_annotation:
            counts["kernels"] += row.count * (not row.key.startswith(("Memcpy", "Memset")))
            counts["busy_ms"] += row.self_device_time_total / 1000
    return counts
