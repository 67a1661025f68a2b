"""Memory of the device: peaks against the estimate, micro-batches chosen for a budget, and recovery without memory.

The peak is `max_memory_allocated`: tensors, as the estimate counts them. A budget is made true by
`set_per_process_memory_fraction`, so that a micro-batch that does not fit fails.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import memory_model
import numpy as np
import torch
from memory_model import Case

from gpu_steps._made import encoder_folder, rows, size_of
from gpu_steps._models import Model, load, train, weights_of
from gpu_steps._record import Record, Settings
from layover import heads, memory, modules
from layover.compositions import AttachedModule
from layover.execution import Execution
from layover.inference.predict import predict
from layover.numerics import Precision
from layover.steps.loaded import forget
from layover.training import FitResult

BUDGET = 75.0
RATIOS = (0.85, 1.25)
"""Estimate / measured that passes: below, a plan promises too much; above, it leaves memory unused."""
BUDGETS_GIB = (4, 8)
SLACK = 256 * memory.MIB
"""What a budget has beside its tensors: blocks of the allocator, and what cuBLAS keeps."""


def run(record: Record, settings: Settings) -> None:
    """Measure; what large encoders take comes last."""
    record.values |= {"peaks": {}, "budgets": {}, "recovery": {}}
    peaks_of(record, settings, "base")
    for precision in ("fp32", "bf16"):
        record.case(f"recovery of a training, {precision}", partial(recovery, record, settings, precision))
    record.case("recovery of a prediction", partial(recovery_of_prediction, record, settings))
    for size in ("base",) if settings.quick else ("base", "large"):
        for gib in BUDGETS_GIB[:1] if settings.quick else BUDGETS_GIB:
            record.case(f"{size} within {gib} GiB", partial(within, record, settings, size, gib))
    if not settings.quick:
        peaks_of(record, settings, "large")


def peaks_of(record: Record, settings: Settings, size: str) -> None:
    """Measure the peaks of a size."""
    for case in cases(settings, size):
        record.case(case.name, partial(peak, record, settings, case, size))


def cases(settings: Settings, size: str) -> list[Case]:
    """Return what is measured."""
    lora = Case(size=size_of(settings, size), device=settings.device, tokens=256 if settings.quick else 16384)
    bf16, upper = replace(lora, precision="bf16"), f"top-{memory_model.SHAPES[lora.size].layers // 2}"
    cached = replace(bf16, layers=upper, cached=True)
    if settings.quick:
        return [bf16, cached]
    found = [bf16, lora, cached, replace(bf16, checkpointing=True), replace(bf16, predicts=True)]
    found += [replace(bf16, module="full"), replace(lora, module="full"), replace(bf16, module="bottleneck")]
    found += [replace(lora, predicts=True), replace(lora, checkpointing=True), replace(bf16, length=39)]
    # NF4 is quantised on the CPU, which takes long for a large encoder
    return found if size == "large" else [*found, replace(bf16, kind="tagging"), replace(bf16, precision="nf4")]


def peak(record: Record, settings: Settings, case: Case, size: str) -> None:
    """Hold the peak of a training or a prediction against the estimate."""
    folder = encoder_folder(settings, size)
    emptied()
    if settings.on_gpu:
        torch.cuda.reset_peak_memory_stats()
    measured = memory_model.run(case, folder, Path(settings.work))
    estimated = memory_model.load_of(case).peak() / memory.MIB
    row: dict[str, Any] = {"measured_mib": round(measured), "estimated_mib": round(estimated)}
    if settings.on_gpu:  # a process on a CPU has had other peaks before
        ratio = estimated / measured
        row["ratio"] = round(ratio, 3)
        record.check(case.name, RATIOS[0] <= ratio <= RATIOS[1], **row)
    record.values["peaks"][case.name] = row
    emptied()


def emptied() -> None:
    """Drop encoders of earlier cases, and give their memory back."""
    forget()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def lora_model(settings: Settings, size: str, precision: Precision, count: int) -> Model:
    """Return an encoder with a fresh LoRA, and rows of equal lengths."""
    folder = encoder_folder(settings, size)
    encoder = load(folder, precision, whole=False, dropout=0.1)
    encoder.attach([AttachedModule("target", modules.get("lora")(), None, trainable=True)])
    head = heads.build("classification", encoder.hidden_size, 3, clock=encoder.clock, dropout=0.1)
    features = rows("classification", count, encoder.shape.vocabulary)
    return Model(encoder, head, encoder.clock, features, precision)


@contextmanager
def limited(settings: Settings, limit: float) -> Iterator[None]:
    """Let the process have so many bytes of the device; nothing on a CPU."""
    emptied()
    if not settings.on_gpu:
        yield
        return
    _, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction(min(1.0, limit / total))
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        emptied()


def within(record: Record, settings: Settings, size: str, gib: int) -> None:
    """Check that the micro-batch chosen for a budget fits it, without a failed try."""
    limit = gib * 2**30
    count = 16 if settings.quick else 1024
    model = lora_model(settings, size, "fp32", count)
    with limited(settings, limit + SLACK):
        if settings.on_gpu:
            torch.cuda.reset_peak_memory_stats()
        result = train(model, settings.device, steps=2, batch=count, micro_tokens=None, memory=f"{gib}GiB")
        row: dict[str, Any] = {"micro_tokens": result.measured.micro_tokens, "notes": result.measured.notes}
        if settings.on_gpu:
            row |= {"allocated_mib": round(torch.cuda.max_memory_allocated() / memory.MIB)}
            row |= {"reserved_mib": round(torch.cuda.max_memory_reserved() / memory.MIB)}
    row["budget_mib"] = round(limit / memory.MIB)
    record.values["budgets"][f"{size}, fp32, {gib} GiB"] = row
    fits = not settings.on_gpu or row["allocated_mib"] <= row["budget_mib"]
    record.check(f"{size} within {gib} GiB", fits and not result.measured.notes, **row)


def recovery(record: Record, settings: Settings, precision: Precision) -> None:
    """Check that a training that runs out of memory takes smaller micro-batches, and computes the same."""
    large, count = (256, 16) if settings.quick else (32768, 512)
    trained = partial(train, device=settings.device, steps=3, batch=count)
    model = lora_model(settings, "base", precision, count)
    limit = between(
        settings, partial(trained, model, micro_tokens=large), partial(trained, model, micro_tokens=large // 4)
    )
    model = lora_model(settings, "base", precision, count)
    with scarce(settings, model, limit, large // 2):
        result: FitResult = trained(model, micro_tokens=large)
    fewer = result.measured.micro_tokens
    expected = lora_model(settings, "base", precision, count)
    trained(expected, micro_tokens=fewer)
    others = weights_of(expected)
    differing = [name for name, value in weights_of(model).items() if not torch.equal(value, others[name])]
    row = {"tokens_before": large, "tokens_after": fewer, "notes": result.measured.notes, "differing": differing[:5]}
    record.values["recovery"][f"training, {precision}"] = row
    happened = fewer < large and any("out of memory" in note for note in result.measured.notes)
    record.check(f"recovery of a training, {precision}: equal bits", happened and not differing, **row)


def recovery_of_prediction(record: Record, settings: Settings) -> None:
    """Check that a prediction that runs out of memory takes smaller batches, and answers the same."""
    large, count = (256, 16) if settings.quick else (65536, 2048)
    model = lora_model(settings, "base", "fp32", count)

    def predicted(tokens: int) -> dict[str, Any]:
        execution = Execution(device=settings.device, micro_batch_tokens=tokens)
        return dict(predict(model.encoder, model.head, model.features, execution=execution))

    limit = between(settings, partial(predicted, large), partial(predicted, large // 4))
    expected = predicted(large // 4)
    batches = [0]
    handle = model.encoder.register_forward_pre_hook(lambda *_: batches.__setitem__(0, batches[0] + 1))
    predicted(large)
    usual, batches[0] = batches[0], 0
    with scarce(settings, model, limit, large // 2):
        outputs = predicted(large)
    handle.remove()
    apart = max(float(np.abs(outputs[name] - expected[name]).max()) for name in expected)
    row = {"batches_usually": usual, "batches": batches[0], "largest_difference": apart}
    record.values["recovery"]["prediction, fp32"] = row
    record.check("recovery of a prediction", batches[0] > usual and apart <= 1e-4, **row)


def between(settings: Settings, large: Any, small: Any) -> float:
    """Return a limit between what two pieces of work reserve; it lets the small one pass, and not the large one."""
    if not settings.on_gpu:
        return 0.0
    reserved = []
    for work in (small, large):
        emptied()
        torch.cuda.reset_peak_memory_stats()
        work()
        reserved.append(torch.cuda.max_memory_reserved())
    if reserved[1] < 1.5 * reserved[0]:
        raise RuntimeError(
            f"the large work reserves {reserved[1]} bytes, hardly more than the small one: {reserved[0]}"
        )
    return (reserved[0] + reserved[1]) / 2


@contextmanager
def scarce(settings: Settings, model: Model, limit: float, tokens: int) -> Iterator[None]:
    """Make memory scarce: truly on a GPU; on a CPU a batch of more padded tokens raises what torch would."""

    def refused(_encoder: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        if inputs[0].numel() > tokens:
            raise torch.OutOfMemoryError("CUDA out of memory: pretended")

    with limited(settings, limit):
        handle = None if settings.on_gpu else model.encoder.register_forward_pre_hook(refused)
        try:
            yield
        finally:
            if handle is not None:
                handle.remove()
