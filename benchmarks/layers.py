"""What a sweep over layers costs: embeddings of one layer, of all in one pass, of all one by one.

python benchmarks/layers.py [--rows 400] [--repeats 3]

A random XLM-R of base size and made-up sentences of 16 tokens. The three take turns in one process; ratios hold between
machines, seconds do not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Sequence

import numpy as np
import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

from layover.data.features import Features
from layover.encoder import DropoutClock, Encoder
from layover.execution import Execution
from layover.heads import MeanPooling
from layover.inference.predict import embed

LAYERS, HIDDEN, VOCABULARY, TOKENS, PUBLISHED = 12, 768, 5000, 16, 8


def make_encoder() -> Encoder:
    """Return a random encoder; its table of words is small, which costs no time."""
    config = XLMRobertaConfig(
        vocab_size=VOCABULARY,
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HIDDEN // 64,
        intermediate_size=4 * HIDDEN,
        max_position_embeddings=514,
        type_vocab_size=1,
    )
    return Encoder.from_model(XLMRobertaModel(config, add_pooling_layer=False), clock=DropoutClock(0))


def make_features(rows: int) -> Features:
    """Return made-up sentences."""
    ids = np.random.default_rng(0).integers(4, VOCABULARY, rows * TOKENS).astype(np.int32)
    offsets = np.arange(0, rows * TOKENS + 1, TOKENS, dtype=np.int64)
    return Features({"ids": ids, "offsets": offsets, "example": np.arange(rows, dtype=np.int32)})


def seconds(encoder: Encoder, features: Features, passes: Sequence[tuple[int, ...]]) -> float:
    """Return the CPU seconds of embedding all rows, once for each tuple of layers."""
    into = np.empty((LAYERS + 1, features.rows, HIDDEN), np.float32)
    started = time.process_time()
    for layers in passes:
        embed(encoder, MeanPooling(layers, True), features, into[: len(layers)], execution=Execution(device="cpu"))
    return time.process_time() - started


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    encoder, features = make_encoder(), make_features(given.rows)
    every = tuple(range(LAYERS + 1))
    ways = {"published": [(PUBLISHED,)], "last": [(LAYERS,)], "all": [every], "one_by_one": [(n,) for n in every]}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(given.repeats + 1):
        for name, passes in ways.items():
            took = seconds(encoder, features, passes)
            if round_:
                found[name].append(took)
    report = {
        "settings": vars(given),
        "machine": {"processor": platform.processor() or platform.machine(), "threads": torch.get_num_threads()},
        "load": round(os.getloadavg()[0], 2),
        "cpu_seconds": {name: round(statistics.median(values), 2) for name, values in found.items()},
        "to_last": {
            name: round(statistics.median(one / other for one, other in zip(values, found["last"], strict=True)), 2)
            for name, values in found.items()
        },
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
