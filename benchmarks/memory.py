"""Measure what the memory model (`layover.plan.memory`) says.

    python benchmarks/memory.py saved                    what the forward pass keeps, per token, layer, hidden unit
    python benchmarks/memory.py peak --module lora       peak of a whole training process against the estimate

Random weights; no network. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
from typing import Any

import numpy as np
import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

from layover import heads, modules
from layover.compositions import Part
from layover.data.features import Features
from layover.encoder import DropoutClock, Encoder
from layover.plan.encoders import Shape
from layover.plan.memory import training_bytes
from layover.precision import Precision
from layover.training import Branch, Execution, LoopSettings, fit

MODULES = ("bottleneck", "full", "lora", "none")
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")


def make_encoder(shape: Shape, module: str, layers: str, dropout: float) -> Encoder:
    """Return a random XLM-R with a fresh module."""
    config = XLMRobertaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.hidden // 64,
        intermediate_size=shape.intermediate,
        max_position_embeddings=514,
        type_vocab_size=1,
    )
    clock = DropoutClock(0)
    encoder = Encoder.from_model(XLMRobertaModel(config, add_pooling_layer=False), clock=clock, dropout=dropout)
    wanted = {} if module in {"full", "none"} else {"layers": layers}
    encoder.attach([Part("target", modules.get(module)(**wanted), None, trainable=True)], seed=0)
    return encoder


def saved(encoder: Encoder, rows: int, length: int, precision: Precision) -> float:
    """Return the bytes that a forward pass keeps beside weights, per token, layer and unit of hidden size."""
    own = {weight.untyped_storage().data_ptr() for weight in encoder.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        pointer = tensor.untyped_storage().data_ptr()
        if pointer not in own:
            kept[pointer] = tensor.detach()
        return tensor

    encoder.train()
    encoder.clock.set(0, torch.arange(rows))
    ids, lengths = torch.randint(4, 100, (rows, length)), torch.full((rows,), length)
    lengths[0] -= 3
    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"),
    ):
        encoder(ids, lengths)
    return sum(one.untyped_storage().nbytes() for one in kept.values()) / (
        rows * length * encoder.num_layers * encoder.hidden_size
    )


def slope(module: str, precision: Precision, dropout: float) -> float:
    """Return `saved` without the part that does not grow with the tokens (autocast's copies of the weights)."""
    encoder = make_encoder(Shape(2, 768, 3072, 500), module, "all", dropout)
    few, many = saved(encoder, 4, 128, precision), saved(encoder, 8, 128, precision)
    return round(2 * many - few, 1)


def peak(module: str, layers: str, precision: Precision, tokens: int) -> dict[str, Any]:
    """Train some steps of `tokens` tokens on an encoder of base size; return measured and estimated MiB."""
    shape = Shape(12, 768, 3072, 250_002)
    encoder = make_encoder(shape, module, layers, 0.1)
    head = heads.build("classification", shape.hidden, 3, clock=encoder.clock, dropout=0.1, seed=0)
    rows, length = tokens // 128 * 3, 128
    arrays = {
        "ids": np.random.default_rng(0).integers(4, shape.vocabulary, rows * length).astype(np.int32),
        "offsets": np.arange(0, rows * length + 1, length, dtype=np.int64),
        "example": np.arange(rows, dtype=np.int32),
        "label": np.arange(rows, dtype=np.int64) % 3,
    }
    fit(
        encoder,
        [Branch("benchmark", head, Features(arrays))],
        settings=LoopSettings(lr=1e-4, epochs=1, batch=tokens // length, seed=0, precision=precision),
        execution=Execution(micro_tokens=tokens),
        clock=encoder.clock,
        evaluate=lambda: {"accuracy": 0.0},
        criterion="accuracy",
        checkpoint_dir=None,
        progress=lambda _: None,
    )
    trained = sum(weight.numel() for part in encoder.trained().values() for weight in part.values())
    found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    estimate = training_bytes(shape, trained, lowest=encoder.lowest, precision=precision, tokens=tokens) / 2**20
    return {
        "module": module,
        "layers": layers,
        "precision": precision,
        "tokens": tokens,
        "peak_mib": round(found),
        "estimated_mib": round(estimate),
    }


def main() -> None:
    """Measure one thing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["saved", "peak"])
    parser.add_argument("--module", choices=MODULES, default="lora")
    parser.add_argument("--layers", default="all")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32")
    parser.add_argument("--tokens", type=int, default=2048)
    given = parser.parse_args()
    if given.what == "peak":
        print(json.dumps(peak(given.module, given.layers, given.precision, given.tokens)))
        return
    table = {
        f"{module} {precision} dropout {dropout}": slope(module, precision, dropout)
        for module in MODULES
        if module != "none"
        for precision in PRECISIONS
        for dropout in (0.0, 0.1)
    }
    print(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
