"""Memory of a training: whole processes, Layover against the Trainer, beside the estimate of `layover plan`.

    python benchmarks/memory.py [--repeats 2]

Each way is a process of its own that loads XLM-R base from a folder and trains a few steps of 16 rows of 128 tokens,
without any padding to save. Peak resident memory of the process; on a GPU the most that was allocated.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _common import BATCH, SIZES, WIDTH, arguments, encoder_folder, finish, spread, take_turns

from layover import kinds

STEPS = 3
LENGTH = WIDTH["classification"]
SMALL = LENGTH * BATCH // 4
"""Tokens of a micro-batch where memory is short; a step is of `BATCH` rows all the same."""
PEERS = {"full fine-tuning (a)": "full", "peft LoRA (a)": "peft-lora", "adapters seq_bn (a)": "adapters-seq_bn"}


def ways_of(size: str) -> dict[str, dict[str, Any]]:
    """Return what each child does, by name."""
    layers = SIZES[size][0]
    found: dict[str, dict[str, Any]] = {name: {"peer": method} for name, method in PEERS.items()}
    for which, label in (("all", "all layers"), (f"top-{layers // 2}", "top half")):
        for precision in ("fp32", "bf16"):
            one = {"layers": which, "precision": precision, "cached": False}
            found[f"ours, {label}, {precision}"] = one
            if which != "all":
                found[f"ours, {label}, {precision}, cached"] = {**one, "cached": True}
                small = f"ours, {label}, {precision}, cached, {SMALL} tokens at once"
                found[small] = {**one, "cached": True, "micro_tokens": SMALL}
    return found


def train_once(way: dict[str, Any], folder: Path, device: str) -> dict[str, Any]:
    """Train in this process; return its peak, and for ours what was estimated before."""
    from layover.data.features import Features

    rows = STEPS * BATCH
    arrays = {
        "ids": np.random.default_rng(0).integers(4, 250_002, rows * LENGTH).astype(np.int32),
        "offsets": np.arange(0, rows * LENGTH + 1, LENGTH, dtype=np.int64),
        "example": np.arange(rows, dtype=np.int32),
        "label": np.arange(rows, dtype=np.int64) % 3,
    }
    features, found = Features(arrays, columns=kinds.get("classification").columns), {}
    if "peer" in way:
        import _peers

        model = _peers.make_model(folder, "classification", way["peer"])
        with tempfile.TemporaryDirectory() as out:
            _peers.train(model, _peers.AS_USERS_DO, features, folder, device, Path(out))
    else:
        found = _train_ours(way, features, folder, device)
    if device == "cuda":
        import torch

        return {**found, "mib": torch.cuda.max_memory_allocated() / 2**20}
    # not ru_maxrss, which begins with that of the process that started this one
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    peak = next(line for line in status if line.startswith("VmHWM"))
    return {**found, "mib": int(peak.split()[1]) / 1024}


def _train_ours(way: dict[str, Any], features: Any, folder: Path, device: str) -> dict[str, Any]:
    import _ours

    from layover.memory import training_bytes
    from layover.shape import Shape

    layers, precision = way["layers"], way["precision"]
    states, kept = None, folder.parent / f"states-{layers}-{precision}"
    if way.get("builds"):
        frozen, layer = _ours.make_encoder(folder, precision, module="none"), _ours.lowest_of(folder, layers)
        _ours.build_states(frozen, precision, features, layer=layer, into=kept, device=device)
        return {}
    if way["cached"]:
        states = _ours.open_states(kept)
        encoder = _ours.make_cached_encoder(folder, precision, layers=layers)
    else:
        encoder = _ours.make_encoder(folder, precision, layers=layers)
    head = _ours.make_head("classification", encoder)
    trained = sum(weight.numel() for part in encoder.trained().values() for weight in part.values())
    micro_tokens = way.get("micro_tokens", BATCH * LENGTH)
    _ours.train(encoder, head, features, precision, device, states=states, micro_tokens=micro_tokens)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    shape = Shape(config["num_hidden_layers"], config["hidden_size"], config["intermediate_size"], config["vocab_size"])
    if way["cached"] or device != "cpu":
        return {}
    estimate = training_bytes(shape, trained, lowest=encoder.lowest, precision=precision, tokens=BATCH * LENGTH)
    return {"estimated_mib": estimate / 2**20}


def in_a_process(way: dict[str, Any], folder: Path, device: str) -> dict[str, Any]:
    """Run one way in a process of its own."""
    command = [sys.executable, __file__, "--child", json.dumps([way, str(folder)]), "--device", device]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ})
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure."""
    parser = arguments(__doc__, repeats=2)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        way, folder = json.loads(given.child)
        print(json.dumps(train_once(way, Path(folder), given.device)))
        return
    if given.quick:
        given.repeats = 1
    size = "mini" if given.quick else "base"
    with encoder_folder(size) as folder:
        ways = ways_of(size)
        for way in ways.values():
            if way.get("cached"):  # in a process of its own, as in a sweep
                in_a_process({**way, "builds": True}, folder, given.device)
        turns = take_turns(
            {name: partial(in_a_process, way, folder, given.device) for name, way in ways.items()}, given.repeats
        )
    found = {}
    for name, each in turns.items():
        found[name] = {"peak_mib": spread([one["mib"] for one in each], 1)}
        if "estimated_mib" in each[0]:
            estimate = each[0]["estimated_mib"]
            ratio = estimate / found[name]["peak_mib"]["median"]
            found[name] |= {"estimated_mib": round(estimate, 1), "estimate_to_measured": round(ratio, 3)}
    finish("memory", given, {"encoder": size, "ways": found})


if __name__ == "__main__":
    main()
