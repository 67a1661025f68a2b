"""Training speed: Layover's loop against the loop that a user writes with torch and peft.

    python benchmarks/training.py --steps 30 --repeats 3

Both train the same LoRA (rank 8, query and value) on the same random XLM-R and the same made-up data, with lengths
like those of NLI pairs (mean about 38.7 tokens, at most 128). The user's loop is what the defaults of transformers'
Trainer do: random order, everything padded to 128 tokens, peft's LoRA, AdamW as torch makes it. The two alternate in
one process (A, B, A, B ...); medians and their ratio are printed as one JSON object. Ratios hold between machines,
seconds do not. `--pad longest` lets the user's loop pad to the longest row of a batch instead.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
import peft
import torch
from torch import nn
from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification, XLMRobertaModel

from layover import heads, modules
from layover.batches import padding, steps_of_epoch
from layover.compositions import Part
from layover.data.features import Features
from layover.encoder import DropoutClock, Encoder
from layover.precision import Precision
from layover.predict import predict
from layover.training import Branch, Execution, LoopSettings, fit

LABELS, LONGEST, PAD = 3, 128, 1


def make_features(rows: int, vocabulary: int) -> Features:
    """Return made-up rows with the lengths of NLI pairs."""
    random = np.random.default_rng(0)
    lengths = np.clip(random.lognormal(3.562, 0.49, rows).astype(np.int64), 8, LONGEST)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = random.integers(4, vocabulary, offsets[-1]).astype(np.int32)
    ids[offsets[:-1]], ids[offsets[1:] - 1] = 0, 2
    label = random.integers(0, LABELS, rows)
    return Features({"ids": ids, "offsets": offsets, "example": np.arange(rows, dtype=np.int32), "label": label})


def config_of(given: argparse.Namespace) -> XLMRobertaConfig:
    """Return the config of the encoder that both train."""
    return XLMRobertaConfig(
        vocab_size=given.vocabulary,
        hidden_size=given.hidden,
        num_hidden_layers=given.layers,
        num_attention_heads=max(1, given.hidden // 64),
        intermediate_size=4 * given.hidden,
        max_position_embeddings=LONGEST + 2,
        type_vocab_size=1,
        num_labels=LABELS,
        hidden_dropout_prob=given.dropout,
        attention_probs_dropout_prob=given.dropout,
        classifier_dropout=given.dropout,
    )


class Ours:
    """Layover: buckets by length, no padding beyond the longest row, fused AdamW."""

    def __init__(self, given: argparse.Namespace, features: Features) -> None:
        clock = DropoutClock(0)
        model = XLMRobertaModel(config_of(given), add_pooling_layer=False)
        self.encoder = Encoder.from_model(model, clock=clock, dropout=given.dropout)
        self.encoder.attach([Part("target", modules.get("lora")(), None, trainable=True)], seed=0)
        self.head = heads.build("classification", given.hidden, LABELS, clock=clock, dropout=given.dropout, seed=0)
        self.features, self.given = features, given
        self.execution = Execution(device=given.device, deterministic=not given.fast)

    def train(self) -> float:
        """Return the seconds of one epoch."""
        precision: Precision = self.given.precision
        result = fit(
            self.encoder,
            [Branch("benchmark", self.head, self.features)],
            settings=LoopSettings(lr=1e-4, epochs=1, batch=self.given.batch, seed=0, precision=precision),
            execution=self.execution,
            clock=self.encoder.clock,
            evaluate=None,
            criterion=None,
            checkpoint_dir=None,
            progress=lambda _: None,
        )
        return result.measured.seconds["training"]

    def predict(self) -> float:
        """Return the seconds of predicting all rows."""
        started = time.perf_counter()
        predict(self.encoder, self.head, self.features, execution=self.execution, precision=self.given.precision)
        return time.perf_counter() - started


class Theirs:
    """torch and peft with the Trainer's defaults: random order, one padded length, AdamW by default."""

    def __init__(self, given: argparse.Namespace, features: Features) -> None:
        adapter = peft.LoraConfig(task_type="SEQ_CLS", r=8, lora_alpha=16, target_modules=["query", "value"])
        model = XLMRobertaForSequenceClassification(config_of(given))
        self.model: nn.Module = peft.get_peft_model(model, adapter).to(given.device)
        self.given, self.lengths = given, torch.from_numpy(features.lengths)
        self.ids = torch.full((features.rows, LONGEST), PAD)
        self.labels = torch.from_numpy(features.arrays["label"].astype(np.int64))
        offsets = features.arrays["offsets"]
        for row in range(features.rows):
            values = features.arrays["ids"][offsets[row] : offsets[row + 1]].astype(np.int64)
            self.ids[row, : len(values)] = torch.from_numpy(values)

    def _forward(self, rows: torch.Tensor, *, labels: bool) -> torch.Tensor:
        width = LONGEST if self.given.pad == "max" else int(self.lengths[rows].max())
        ids = self.ids[rows, :width].to(self.given.device)
        targets = self.labels[rows].to(self.given.device) if labels else None
        with torch.autocast(self.given.device, torch.bfloat16, enabled=self.given.precision == "bf16"):
            found = self.model(input_ids=ids, attention_mask=(ids != PAD).long(), labels=targets)
        return found.loss if labels else found.logits

    def train(self) -> float:
        """Return the seconds of one epoch."""
        started = time.perf_counter()
        self.model.train()
        trained = [weight for weight in self.model.parameters() if weight.requires_grad]
        optimiser = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.01)
        for rows in torch.randperm(len(self.ids)).split(self.given.batch):
            self._forward(rows, labels=True).backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            optimiser.zero_grad()
        self._wait()
        return time.perf_counter() - started

    def predict(self) -> float:
        """Return the seconds of predicting all rows, eight at a time, as the Trainer does."""
        started = time.perf_counter()
        self.model.eval()
        with torch.no_grad():
            for rows in torch.arange(len(self.ids)).split(8):
                self._forward(rows, labels=False).cpu()
        return time.perf_counter() - started

    def _wait(self) -> None:
        if self.given.device == "cuda":
            torch.cuda.synchronize()


def compare(ours: Callable[[], float], theirs: Callable[[], float], repeats: int) -> dict[str, float]:
    """Return medians and ratio of alternating runs; the first round warms up and is not counted."""
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    for round_ in range(repeats + 1):
        for name, work in (("ours", ours), ("theirs", theirs)):
            took = work()
            if round_:
                seconds[name].append(took)
    found = {f"{name}_seconds": round(statistics.median(values), 4) for name, values in seconds.items()}
    ratios = [theirs / ours for ours, theirs in zip(seconds["ours"], seconds["theirs"], strict=True)]
    return {
        **found,
        "ratio": round(statistics.median(ratios), 2),
        "least": round(min(ratios), 2),
        "most": round(max(ratios), 2),
    }


def main() -> None:
    """Compare training and prediction."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--vocabulary", type=int, default=8000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=30, help="optimiser steps of a run")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--pad", choices=["max", "longest"], default="max", help="what the user's loop pads to")
    parser.add_argument("--fast", action="store_true", help="our loop without deterministic kernels")
    given = parser.parse_args()
    torch.manual_seed(0)
    features = make_features(given.steps * given.batch, given.vocabulary)
    ours, theirs = Ours(given, features), Theirs(given, features)
    report = {
        "settings": vars(given),
        "machine": {"processor": platform.processor() or platform.machine(), "threads": torch.get_num_threads()},
        "torch": torch.__version__,
        "mean_length": round(float(features.lengths.mean()), 1),
        "padded_to_real": round(padding(features, steps_of_epoch(features, batch=given.batch, seed=0, epoch=0)), 3),
        "training": compare(ours.train, theirs.train, given.repeats),
        "prediction": compare(ours.predict, theirs.predict, given.repeats),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
