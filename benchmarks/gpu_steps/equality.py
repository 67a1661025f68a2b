"""Whether the device computes what the CPU computes, and the same each time.

A number is compared as ||device - CPU|| / ||CPU||: of losses, of every tensor of gradients, of predictions. Bfloat16
and TF32 round differently on each device; there the device is compared with float32 on the CPU, too.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import torch

from gpu_steps._made import encoder_folder, rows
from gpu_steps._models import Case, Model, case_of, composed, crossed, few, load, train, weights_of
from gpu_steps._record import Record, Settings
from layover import heads, modules
from layover.compositions import AttachedModule
from layover.encoder import DropoutClock, RowDropout, noise
from layover.errors import Stopped
from layover.execution import Execution
from layover.inference.neighbours import both_ways
from layover.inference.predict import predict
from layover.numerics import Precision

BUDGET = 95.0
STRICT = 1e-4
"""Relative difference in float32: rounding in another order makes 1e-6 to 1e-5 after some layers."""
LOOSE: dict[str, float] = {"bf16": 3e-2, "tf32": 1e-2}
"""The same against float32 where products are rounded to 8 or 11 bits."""
OF_BF16 = {"fp32": 0.0, "bf16": 2.0, "tf32": 0.5}
"""Or this times what bf16 on the CPU differs, if that is more: some gradients are differences of large numbers."""
LABELS_APART = {"fp32": 0.01, "tf32": 0.05, "bf16": 0.1}
"""Share of predicted labels that may differ, which near ties do."""
FLOOR = 1e-2
"""Gradients of a tensor smaller than this share of the typical one are compared with that: some are rounding alone."""

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Computed:
    """What one forward and backward pass and a prediction give, on the CPU."""

    loss: float
    gradients: Arrays
    outputs: Arrays


def run(record: Record, settings: Settings) -> None:
    """Compare; what is not compared elsewhere comes first."""
    record.case("dropout masks", partial(masks, record, settings))
    record.case("nearest neighbours", partial(nearest, record, settings))
    for name in ("lora",) if settings.quick else ("lora", "bottleneck", "dora", "full"):
        case = case_of(name, "classification")
        for precision in precisions(settings):
            record.case(
                f"{name}, trained again, {precision}", partial(trained_again, record, settings, case, precision)
            )
    for precision in precisions(settings):
        record.case(f"LoRA of size base, {precision}", partial(compare_base, record, settings, precision))
    for case in [*few(), composed(variants=False)[0]] if settings.quick else [*crossed(), *composed(variants=True)]:
        for precision in precisions(settings):
            if not settings.quick or precision == "fp32" or case == few()[0]:
                record.case(f"{case.name}, {precision}", partial(compare, record, settings, case, precision))


def precisions(settings: Settings) -> tuple[Precision, ...]:
    """Return the precisions that are compared; a CPU has no TF32."""
    known: tuple[Precision, ...] = get_args(Precision)
    return tuple(name for name in known if name in {"fp32", "bf16"} or (name == "tf32" and settings.on_gpu))


def compare(record: Record, settings: Settings, case: Case, precision: Precision) -> None:
    """Compare one model on the device with the CPU."""
    exact = on_cpu(case, "fp32")
    rounded = exact if precision == "fp32" else on_cpu(case, "bf16")
    mine = computed(case.model(precision), settings.device)
    record.check(f"{case.name}, {precision}", **judged(mine, exact, rounded, precision))


@cache
def on_cpu(case: Case, precision: Precision) -> Computed:
    """Return what the CPU computes."""
    return computed(case.model(precision), "cpu")


def compare_base(record: Record, settings: Settings, precision: Precision) -> None:
    """Compare a LoRA on an encoder of the size of XLM-R base."""
    exact = computed(base_model(settings, "fp32"), "cpu")
    rounded = exact if precision == "fp32" else computed(base_model(settings, "bf16"), "cpu")
    mine = computed(base_model(settings, precision), settings.device)
    record.check(f"LoRA of size base, {precision}", **judged(mine, exact, rounded, precision))


def base_model(settings: Settings, precision: Precision) -> Model:
    """Return the encoder of size base with a LoRA whose weights change something."""
    folder = encoder_folder(settings, "base")
    encoder = load(folder, precision, whole=False, dropout=0.1)
    lora = modules.get("lora")()
    encoder.attach([AttachedModule("target", lora, None, trainable=True)])
    drawn = torch.Generator().manual_seed(1)
    state = {
        name: value + 0.02 * torch.randn(value.shape, generator=drawn)
        for name, value in encoder.state("target").items()
    }
    encoder.attach([AttachedModule("target", lora, state, trainable=True)])
    head = heads.build("classification", encoder.hidden_size, 3, clock=encoder.clock, dropout=0.1)
    features = rows("classification", 8, encoder.shape.vocabulary)
    return Model(encoder, head, encoder.clock, features, precision)


def computed(model: Model, device: str) -> Computed:
    """Return the loss and the gradients of the first training step, and a prediction before it."""
    outputs = predict(
        model.encoder, model.head, model.features, execution=Execution(device=device), precision=model.precision
    )
    gradients: Arrays = {}

    def keep(name: str, gradient: torch.Tensor) -> None:
        value = gradient.detach().double().cpu().numpy()
        gradients[name] = gradients.get(name, 0.0) + value

    parts: dict[str, torch.nn.Module] = {"encoder": model.encoder, "head": model.head}
    for part, module in parts.items():
        module.to(device)
        for name, weight in module.named_parameters():
            if weight.requires_grad:
                weight.register_hook(partial(keep, f"{part}.{name}"))
    result = train(model, device, steps=1, micro_tokens=None)
    return Computed(float(result.curve[0]), gradients, dict(outputs))


def judged(mine: Computed, exact: Computed, rounded: Computed, precision: str) -> dict[str, Any]:
    """Return the differences from float32 on the CPU, and whether they are within what the precision allows.

    Args:
        mine: What the device computes.
        exact: What the CPU computes in float32.
        rounded: What the CPU computes in bfloat16; for float32 `exact`.
        precision: Of the device.
    """
    differences, of_bf16 = apart(mine, exact), apart(rounded, exact)
    passed = set(mine.gradients) == set(exact.gradients) and set(mine.outputs) == set(exact.outputs)
    for name, value in differences.items():
        allowed = LABELS_APART[precision] if name == "labels" else LOOSE.get(precision, STRICT)
        passed = passed and value <= max(allowed, OF_BF16[precision] * of_bf16[name])
    return {"passed": passed, **differences, "of_bf16_on_the_cpu": of_bf16, "allowed": LOOSE.get(precision, STRICT)}


def apart(mine: Computed, exact: Computed) -> dict[str, float]:
    """Return how far results are apart: the loss, the worst tensor of gradients, outputs, the share of labels."""
    outputs = [name for name, value in exact.outputs.items() if value.dtype.kind == "f"]
    labels = [name for name in exact.outputs if name not in outputs]
    return {
        "loss": abs(mine.loss - exact.loss) / abs(exact.loss),
        "gradients": gradients_apart(mine.gradients, exact.gradients),
        "outputs": max((relative(mine.outputs[name], exact.outputs[name]) for name in outputs), default=0.0),
        "labels": max((float((mine.outputs[name] != exact.outputs[name]).mean()) for name in labels), default=0.0),
    }


def gradients_apart(mine: Arrays, exact: Arrays) -> float:
    """Return the largest relative difference of a tensor; infinite where a gradient is missing."""
    if not exact:
        return 0.0
    if set(mine) != set(exact):
        return float("inf")
    typical = float(np.median([np.linalg.norm(value) for value in exact.values()]))
    differences = [
        np.linalg.norm(mine[name] - value) / max(np.linalg.norm(value), FLOOR * typical, 1e-30)
        for name, value in exact.items()
    ]
    return float(np.max(differences))  # which keeps NaN, as `max` does not


def relative(mine: npt.NDArray[Any], exact: npt.NDArray[Any]) -> float:
    """Return the norm of the difference over the norm; infinite where a number is not finite on one side alone."""
    one, other = mine.astype(np.float64).ravel(), exact.astype(np.float64).ravel()
    finite = np.isfinite(other)
    if not np.array_equal(finite, np.isfinite(one)):
        return float("inf")
    return float(np.linalg.norm((one - other)[finite]) / max(np.linalg.norm(other[finite]), 1e-30))


def masks(record: Record, settings: Settings) -> None:
    """Compare the masks of dropout and the noise of objectives, bit for bit."""
    row_ids = torch.tensor([0, 7, 123_456_789, 3])
    lengths = torch.tensor([5, 1, 9, 4])
    owners = torch.repeat_interleave(torch.arange(4), lengths)
    positions = torch.cat([torch.arange(int(length)) for length in lengths])
    for width in (64, 63, 768):
        for p in (0.1, 0.5, 0.999):
            values = []
            for device in ("cpu", settings.device):
                clock = DropoutClock(2**40 + 5)
                dropout = RowDropout(p, clock, 11).train()
                clock.set(77, row_ids.to(device), 2)
                with clock.packing(4, owners.to(device), positions.to(device)):
                    packed = dropout(torch.ones(1, len(owners), width, device=device))
                grid, flat = (dropout(torch.ones(*size, width, device=device)) for size in ((4, 9), (4,)))
                drawn = noise(5, 77, row_ids.to(device), 9, width, 1)
                values.append([value.cpu() for value in (packed, grid, flat, drawn)])
            same = all(torch.equal(one, other) for one, other in zip(*values, strict=True))
            kept = float((values[0][0] != 0).float().mean())
            record.check(f"dropout masks, p {p}, {width} features", same, kept=round(kept, 4))


def nearest(record: Record, settings: Settings) -> None:
    """Compare the nearest neighbours of embeddings without near ties."""
    drawn = np.random.default_rng(0)
    left, right = (drawn.standard_normal((300, 64), dtype=np.float32) for _ in range(2))
    own, mine = (
        both_ways(left, right, execution=Execution(device=device), side=128) for device in ("cpu", settings.device)
    )
    for name, one, other in zip(("left to right", "right to left"), mine, own, strict=True):
        same, difference = float((one.index == other.index).mean()), relative(one.similarity, other.similarity)
        passed = same >= 0.999 and difference <= 1e-5
        record.check(f"nearest neighbours, {name}", passed, same=same, difference=difference)


def trained_again(record: Record, settings: Settings, case: Case, precision: Precision) -> None:
    """Compare trainings bit for bit: repeated, resumed, and with gradient checkpointing."""
    first, steps = case.model(precision), 4 if settings.quick else 6
    result = train(first, settings.device, steps=steps)
    expected, losses = weights_of(first), result.curve
    ways: dict[str, Model] = {}
    ways["repeated"] = case.model(precision)
    train(ways["repeated"], settings.device, steps=steps)
    ways["checkpointing"] = case.model(precision)
    train(ways["checkpointing"], settings.device, steps=steps, gradient_checkpointing=True)
    ways["resumed"] = resumed(settings, case, precision, steps)
    for name, model in ways.items():
        differing = [key for key, value in weights_of(model).items() if not torch.equal(value, expected[key])]
        label = f"{case.name}, {precision}, {name}: equal bits"
        record.check(label, not differing, differing=differing[:5], losses=list(losses))


def resumed(settings: Settings, case: Case, precision: Precision, steps: int) -> Model:
    """Return a model whose training was stopped half way, and resumed by another one from its checkpoint."""
    with tempfile.TemporaryDirectory(dir=settings.work) as folder:
        at: list[int] = []
        stopped = case.model(precision)
        half = {"steps": steps, "checkpoint_dir": Path(folder) / "checkpoints"}
        try:
            train(stopped, settings.device, progress=at.append, stop=lambda: len(at) >= steps // 2 - 1, **half)
        except Stopped:
            pass
        else:
            raise RuntimeError("the training was not stopped")
        model = case.model(precision)
        result = train(model, settings.device, **half)
        if result.measured.resumed_at != steps // 2:
            raise RuntimeError(f"the training resumed at step {result.measured.resumed_at}")
        return model
