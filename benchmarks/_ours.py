"""Layover's side of the benchmarks, through its public pieces. What the library changes, changes here and only here."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import BATCH, LR
from _rates import seconds
from torch import Tensor

from layover import heads, modules
from layover.compositions import AttachedModule
from layover.data.features import Features
from layover.encoder import DropoutClock, Encoder, dtype_of
from layover.execution import Execution
from layover.heads import Head
from layover.inference.hidden_states import HiddenStates, StateType
from layover.inference.predict import keep_states, predict
from layover.numerics import Precision, quantisation_of
from layover.specs import Hyperparameters
from layover.training import Branch, fit

HEAD_SIZES = {"classification": 3, "span": 2}


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
    whole = module == "full"
    dtype = dtype_of(precision, whole=whole)
    encoder = Encoder.load(
        str(folder),
        clock=DropoutClock(0),
        dropout=dropout,
        dtype=dtype,
        quantisation=quantisation_of(precision),
        all_words=whole,
    )
    return _with(encoder, module, layers, weights)


def make_cached_encoder(folder: Path, precision: Precision, *, layers: str, seed: int = 0) -> Encoder:
    """Return an encoder that trains on kept states: only what stands above them is in memory."""
    lowest, dtype = lowest_of(folder, layers), dtype_of(precision, whole=False)
    encoder = Encoder.load(str(folder), clock=DropoutClock(seed), dtype=dtype, from_layer=lowest)
    return _with(encoder, "lora", layers, None)


def _with(encoder: Encoder, module: str, layers: str, weights: Mapping[str, Tensor] | None) -> Encoder:
    settings = {} if module in {"full", "none"} else {"layers": layers}
    encoder.attach([AttachedModule("target", modules.get(module)(**settings), weights, trainable=True)])
    return encoder


def lowest_of(folder: Path, layers: str) -> int:
    """Return the lowest of `layers` of the encoder in a folder."""
    count = json.loads((folder / "config.json").read_text(encoding="utf-8"))["num_hidden_layers"]
    return int(modules.get("lora")(layers=layers).layers_of(count)[0])


def build_states(
    encoder: Encoder, precision: Precision, features: Features, *, layer: int, into: Path, device: str
) -> HiddenStates:
    """Compute the hidden states that enter a layer, keep them in the folder `into`, and return them."""
    into.mkdir(parents=True, exist_ok=True)
    kind: StateType = "bfloat16" if encoder.dtype == torch.bfloat16 else "float32"
    size = {"kind": kind, "tokens": int(features.arrays["offsets"][-1]), "hidden": encoder.hidden_size}
    states = HiddenStates.create(into / "states.bin", layer=layer, **size)
    keep_states(encoder, features, states, execution=Execution(device=device), precision=precision)
    states.flush()
    (into / "meta.json").write_text(json.dumps({"layer": layer, **size}), encoding="utf-8")
    return open_states(into)


def open_states(into: Path) -> HiddenStates:
    """Return states that lie in a folder, as a training of a sweep finds them."""
    return HiddenStates.open(into / "states.bin", **json.loads((into / "meta.json").read_text(encoding="utf-8")))


def recipe_run(cached: bool, device: str) -> dict[str, Any]:
    """Return the `run` section of a recipe."""
    return {"device": device, "hidden_state_cache": "10GiB" if cached else 0}


def make_head(kind: str, encoder: Encoder, dropout: float = 0.0) -> Head:
    """Return a fresh head; equal for every encoder of one size."""
    size = HEAD_SIZES[kind]
    return heads.build(kind, encoder.hidden_size, size, clock=encoder.clock, dropout=dropout)


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
    states: HiddenStates | None = None,
    micro_tokens: int | None = None,
    batch: int = BATCH,
) -> tuple[float, float]:
    """Train; return the seconds and the mean loss of the steps of the last epoch."""
    hyperparameters = Hyperparameters(
        lr=LR, epochs=epochs, batch=batch, seed=0, precision=precision, warmup=0, weight_decay=0.0
    )
    encoder.to(device)  # as the Trainer's model, which is there before its first step
    head.to(device)
    took = Stopwatch(device)
    result = fit(
        encoder,
        [Branch("benchmark", head, features, states=states)],
        hyperparameters=hyperparameters,
        execution=Execution(device=device, micro_batch_tokens=micro_tokens),
        clock=encoder.clock,
        judge=None,
        checkpoint_dir=None,
        progress=lambda _: None,
    )
    return took.seconds(), float(result.history[-1].loss or float("nan"))


def last_epoch(
    encoder: Encoder, head: Head, features: Features, precision: Precision, device: str, *, lr: float = LR
) -> float:
    """Train two epochs; return the CPU seconds of the steps of the second, when all is warm."""
    steps = -(-features.units // BATCH)
    numbers = Hyperparameters(lr=lr, epochs=2, batch=BATCH, seed=0, precision=precision, warmup=0, weight_decay=0.0)
    stamps: list[float] = []
    fit(
        encoder,
        [Branch("benchmark", head, features)],
        hyperparameters=numbers,
        execution=Execution(device=device),
        clock=encoder.clock,
        judge=None,
        checkpoint_dir=None,
        progress=lambda _: stamps.append(seconds(device)),
    )
    return stamps[2 * steps - 1] - stamps[steps - 1]


def within_vocabulary(features: Features, folder: Path) -> Features:
    """Return rows of the same lengths whose tokens the encoder in a folder has."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    ids = np.asarray(features.arrays["ids"])
    specials = 5
    inside = np.where(ids < specials, ids, specials + ids % (config["vocab_size"] - specials))
    return replace(features, arrays={**features.arrays, "ids": inside.astype(ids.dtype)})


def predicted(
    encoder: Encoder,
    head: Head,
    features: Features,
    precision: Precision,
    device: str,
    states: HiddenStates | None = None,
    micro_tokens: int | None = None,
) -> dict[str, np.ndarray]:
    """Return the head's outputs for every row."""
    execution = Execution(device=device, micro_batch_tokens=micro_tokens)
    return predict(encoder, head, features, execution=execution, precision=precision, states=states)


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
