"""How near to the machine's limit: arithmetic of a training step and of a prediction over that of dense products.

    python benchmarks/limit.py [--steps 8] [--repeats 3]

Counted are the products that must be done, on real tokens only: forward, and backward where a gradient has to pass
(frozen weights have none). Against the best rate of `torch.mm` for the shapes of the layer's own products, with as
many tokens as a step has, at the same precision and with the same threads. The profile says where the time goes.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import _ours
import numpy as np
import torch
from _common import BATCH, arguments, encoder_folder, finish, spread, take_turns, training_rows
from torch.profiler import ProfilerActivity, profile

from layover.data.features import Features

RANK, SITES = 8, 2
SHOWN = 8


def arithmetic(lengths: np.ndarray, hidden: int, layers: int, *, lowest: int | None) -> float:
    """Return the operations (multiplications and additions) for rows of these lengths.

    Args:
        lengths: Tokens of each row.
        hidden: Hidden size; the feed-forward part is four times as wide.
        layers: Layers of the encoder.
        lowest: Lowest layer with a LoRA, for a training step; None for a prediction with all of them.
    """
    tokens, pairs = float(lengths.sum()), float((lengths.astype(np.float64) ** 2).sum())
    projections, feedforward = 2 * tokens * 4 * hidden**2, 2 * tokens * 8 * hidden**2
    attention = 2 * 2 * pairs * hidden  # scores and their sums of values
    lora = SITES * 2 * tokens * 2 * hidden * RANK
    adapted = layers - (lowest or 0)
    forward = layers * (projections + feedforward + attention) + adapted * lora
    if lowest is None:
        return forward
    # to the inputs of every frozen product and twice through attention; of LoRA to input and weights
    backward = adapted * (projections + feedforward + 2 * attention + 2 * lora)
    # below the lowest LoRA nothing asks for a gradient: not the inputs of its layer's query, key and value
    return forward + backward - 2 * tokens * 3 * hidden**2 - lora / 2


def dense_rate(tokens: int, hidden: int, precision: str, device: str, seconds: float) -> dict[str, float]:
    """Return operations per second of the products of a layer, the best of many tries each."""
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    found = {}
    for inner, outer in ((hidden, hidden), (hidden, 4 * hidden), (4 * hidden, hidden)):
        left = torch.randn(tokens, inner, device=device, dtype=kind)
        right = torch.randn(inner, outer, device=device, dtype=kind)
        best, until = float("inf"), time.perf_counter() + seconds
        while time.perf_counter() < until:
            took = _ours.Stopwatch(device)
            torch.mm(left, right)
            best = min(best, took.seconds())
        found[f"({tokens} x {inner}) @ ({inner} x {outer})"] = 2 * tokens * inner * outer / best
    return found


def breakdown(work: Any, device: str) -> list[dict[str, Any]]:
    """Return the operators that take most of the time by themselves, with their share."""
    kinds = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if device == "cuda" else [])
    with profile(activities=kinds) as found:
        work()
    of = (lambda one: one.self_device_time_total) if device == "cuda" else (lambda one: one.self_cpu_time_total)
    rows = sorted(found.key_averages(), key=of, reverse=True)
    total = sum(of(one) for one in rows)
    return [{"operator": one.key, "share": round(of(one) / total, 4), "calls": one.count} for one in rows[:SHOWN]]


def one_precision(folder: Path, features: Features, precision: str, device: str, repeats: int, quick: bool) -> Any:
    """Return achieved and possible rates of training and prediction."""
    encoder = _ours.make_encoder(folder, precision)
    hidden, layers = encoder.hidden_size, encoder.num_layers
    head = _ours.make_head("classification", encoder)
    lengths = features.lengths

    def training() -> dict[str, Any]:
        seconds, _ = _ours.train(encoder, head, features, precision, device)
        return {"rate": arithmetic(lengths, hidden, layers, lowest=encoder.lowest) / seconds}

    def prediction() -> dict[str, Any]:
        took = _ours.Stopwatch(device)
        _ours.predicted(encoder, head, features, precision, device)
        return {"rate": arithmetic(lengths, hidden, layers, lowest=None) / took.seconds()}

    tokens = int(lengths.sum() * BATCH / features.rows)
    ways = {"training": training, "prediction": prediction}
    take_turns(ways, 1)  # warms up
    peaks: list[dict[str, float]] = []
    dense = partial(dense_rate, tokens, hidden, precision, device, 0.2 if quick else 1.0)

    def peak() -> dict[str, Any]:
        peaks.append(dense())
        return {"rate": max(peaks[-1].values())}

    turns = take_turns({"dense": peak, **ways}, repeats)
    rates = {name: [one["rate"] for one in each] for name, each in turns.items()}
    best = max(rates["dense"])
    found: dict[str, Any] = {
        "tokens_of_a_step": tokens,
        "dense_gflops": {shape: round(max(one[shape] for one in peaks) / 1e9, 1) for shape in peaks[0]},
    }
    for name, work in ways.items():
        found[name] = {
            "gflops": spread([one / 1e9 for one in rates[name]], 1),
            "of_dense": spread([one / best for one in rates[name]], 3),
            "self_time": breakdown(work, device),
        }
    return found


def main() -> None:
    """Measure."""
    parser = arguments(__doc__)
    parser.add_argument("--steps", type=int, default=8)
    given = parser.parse_args()
    if given.quick:
        given.steps, given.repeats = 2, 1
    size = "mini" if given.quick else "base"
    features = training_rows("mnli", given.steps * BATCH)
    with encoder_folder(size) as folder:
        found = {
            precision: one_precision(folder, features, precision, given.device, given.repeats, given.quick)
            for precision in ("fp32", "bf16")
        }
    mean = round(float(features.lengths.mean()), 1)
    finish("limit", given, {"encoder": size, "mean_length": mean, "precisions": found})


if __name__ == "__main__":
    main()
