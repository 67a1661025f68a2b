"""Layover's side of the benchmarks, through its public pieces. What the library changes, changes here and only here."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import BATCH, LR
from torch import Tensor

from layover import heads, modules
from layover.batches import Execution
from layover.compositions import Part
from layover.data.features import Features
from layover.encoder import DropoutClock, Encoder
from layover.heads import Head
from layover.plan.memory import Precision
from layover.predict import predict
from layover.training import Branch, LoopSettings, fit

HEAD_SIZES = {"classification": 3, "span": 2}
HAS_CACHE = importlib.util.find_spec("layover.steps.trunk") is not None
"""Whether this version can keep the hidden states below the lowest adapted layer; without it no cached way runs."""

States = Any


def make_encoder(
    folder: Path,
    precision: Precision,
    *,
    layers: str = "all",
    module: str = "lora",
    dropout: float = 0.0,
    weights: Mapping[str, Tensor] | None = None,
) -> Encoder:
    """Return an encoder out of a folder with a fresh module, or with `weights`, on it."""
    # TODO(precision): hand it to Encoder.load once that takes it
    del precision
    encoder = Encoder.load(str(folder), clock=DropoutClock(0), dropout=dropout)
    settings = {} if module in {"full", "none"} else {"layers": layers}
    encoder.attach([Part("target", modules.get(module)(**settings), weights, trainable=True)], seed=0)
    return encoder


def make_cached_encoder(folder: Path, precision: Precision, *, layers: str) -> Encoder:
    """Return an encoder that trains on kept states: only what stands above them is in memory."""
    # TODO(cache): load the top alone
    return make_encoder(folder, precision, layers=layers)


def build_states(
    folder: Path, precision: Precision, features: Features, *, layers: str, into: Path, device: str
) -> States:
    """Compute the hidden states that enter the lowest of `layers`, keep them in `into`, and return them."""
    # TODO(cache): through layover.steps.trunk
    raise NotImplementedError(f"no trunk cache yet: {folder} {precision} {features.rows} {layers} {into} {device}")


def open_states(path: Path) -> States:
    """Return states that lie in a folder, as a training of a sweep finds them."""
    # TODO(cache): `build_states` must have written them there in another process
    raise NotImplementedError(f"no trunk cache yet: {path}")


def branch_of(head: Head, features: Features, states: States | None) -> Branch:
    """Return a training set, on kept states where there are some."""
    # TODO(cache): Branch("benchmark", head, features, states=states)
    if states is not None:
        raise NotImplementedError("no trunk cache yet")
    return Branch("benchmark", head, features)


def recipe_run(cached: bool, device: str) -> dict[str, Any]:
    """Return the `run` section of a recipe."""
    return {"device": device, **({"trunk_cache": "10GiB"} if cached and HAS_CACHE else {})}


def make_head(kind: str, encoder: Encoder, dropout: float = 0.0) -> Head:
    """Return a fresh head; equal for every encoder of one size."""
    size = HEAD_SIZES[kind]
    return heads.build(kind, encoder.hidden_size, size, clock=encoder.clock, dropout=dropout, seed=0)


def kind_of(features: Features) -> str:
    """Return the kind that features were encoded for."""
    return "classification" if "label" in features.arrays else "span"


def train(
    encoder: Encoder,
    head: Head,
    features: Features,
    precision: Precision,
    device: str,
    *,
    epochs: float = 1,
    states: States | None = None,
    micro_tokens: int | None = None,
) -> tuple[float, float]:
    """Train; return the seconds and the mean loss of the steps of the last epoch."""
    settings = LoopSettings(lr=LR, epochs=epochs, batch=BATCH, seed=0, precision=precision, warmup=0, weight_decay=0.0)
    encoder.to(device)  # as the Trainer's model, which is there before its first step
    head.to(device)
    took = Stopwatch(device)
    result = fit(
        encoder,
        [branch_of(head, features, states)],
        settings=settings,
        execution=Execution(device=device, micro_tokens=micro_tokens),
        clock=encoder.clock,
        evaluate=None,
        criterion=None,
        checkpoint_dir=None,
        progress=lambda _: None,
    )
    return took.seconds(), float(result.history[-1].loss or float("nan"))


def predicted(
    encoder: Encoder, head: Head, features: Features, precision: Precision, device: str, states: States | None = None
) -> dict[str, np.ndarray]:
    """Return the head's outputs for every row."""
    if states is not None:  # TODO(cache): predict on kept states
        raise NotImplementedError("no trunk cache yet")
    return predict(encoder, head, features, execution=Execution(device=device), precision=precision)


def logits_of(outputs: Mapping[str, np.ndarray], features: Features) -> list[np.ndarray]:
    """Return per row the logits: (labels,), or for spans (2, tokens)."""
    if "logits" in outputs:
        return list(outputs["logits"])
    both, cuts = np.stack([outputs["start"], outputs["end"]]), features.arrays["offsets"][1:-1]
    return np.split(both, cuts, axis=1)


def loss_of(rows: list[np.ndarray], features: Features) -> float:
    """Return the mean cross-entropy of logits as `logits_of` gives them."""
    if kind_of(features) == "classification":
        gold = [(logits, int(label)) for logits, label in zip(rows, features.arrays["label"], strict=True)]
    else:
        sides = (features.arrays["start"], features.arrays["end"])
        gold = [(both[side], int(places[row])) for row, both in enumerate(rows) for side, places in enumerate(sides)]
    return float(np.mean([np.logaddexp.reduce(logits.astype(np.float64)) - logits[label] for logits, label in gold]))


class Stopwatch:
    """Seconds since it was made, with the device's work done."""

    def __init__(self, device: str) -> None:
        self._device = device
        wait(device)
        self._started = time.perf_counter()

    def seconds(self) -> float:
        """Return them."""
        wait(self._device)
        return time.perf_counter() - self._started


def wait(device: str) -> None:
    """Wait until the device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()
