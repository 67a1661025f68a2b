"""Prediction, all languages of XNLI and XQuAD, one by one: Layover against the Trainer with the same weights.

    python benchmarks/predict.py [--rows 24] [--questions 8] [--repeats 3]

XLM-R base with random weights and a LoRA; each language is predicted in a call of its own, as users and `layover run`
do. Whether the answers are the same is checked: the share of rows (of spans: of starts and ends) whose highest logit is
that of the Trainer's padded fp32 prediction, and the largest difference of a logit.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import _ours
import _peers
import numpy as np
import torch
from _common import (
    arguments,
    encode,
    encoder_folder,
    examples_of,
    finish,
    spread,
    take_turns,
    there,
)

from layover import modules, tasks
from layover.data.features import Features
from layover.shape import Shape

FILES = {"xnli": ("validation", "test"), "xquad": ("test",)}
PEERS = {
    "peft LoRA (a)": _peers.AS_USERS_DO,
    "peft LoRA (b)": _peers.AS_AN_EXPERT,
}
REFERENCE = "peft LoRA (a)"
MODULES = 8


def languages_of(task: str, count: int) -> dict[str, Features]:
    """Return the rows of every language and split there is a file of."""
    found = {}
    for split in FILES[task]:
        for language in there(task, split):
            examples = examples_of(task, split, language, limit=count)
            features = encode(task, examples)
            arrays = {
                name: np.zeros_like(value) if name in {"label", "start", "end"} else value
                for name, value in features.arrays.items()
            }
            # blind tests have no gold, and none is needed
            found[f"{split} {language}"] = Features(arrays, columns=features.columns)
    return found


def some_lora(layers: int, hidden: int) -> dict[str, torch.Tensor]:
    """Return a LoRA that does something, as if it were trained."""
    lora, drawn, found = modules.get("lora")(), torch.Generator().manual_seed(1), {}
    for site in lora.sites(Shape(layers, hidden, 4 * hidden, vocabulary=0)):
        for name, size in lora.weights(site).items():
            found[f"{site.name}.{name}"] = 0.02 * torch.randn(size, generator=drawn)
    return found


class Bench:
    """The ways to predict one task."""

    def __init__(
        self, given: argparse.Namespace, folder: Path, out: Path, task: str, rows: dict[str, Features]
    ) -> None:
        self.given, self.folder, self.out, self.rows = given, folder, out, rows
        self.kind = tasks.get(task).kind
        plain = _ours.make_encoder(folder, "fp32")
        self.layers = plain.num_layers
        self.lora = some_lora(plain.num_layers, plain.hidden_size)
        self.head = _ours.make_head(self.kind, plain).state_dict()
        self.logits: dict[str, list[np.ndarray]] = {}

    def timed(self, name: str, one: Callable[[Features], list[np.ndarray]]) -> dict[str, Any]:
        """Predict every language and keep what came out."""
        took = _ours.Stopwatch(self.given.device)
        found = [one(features) for features in self.rows.values()]
        seconds = took.seconds()
        self.logits[name] = [logits for logits_of_language in found for logits in logits_of_language]
        return {"rows_per_second": len(self.logits[name]) / seconds}

    def peer(self, name: str) -> Callable[[], dict[str, Any]]:
        """Return the Trainer's way; rows are ready in its form, as ours are in ours."""
        style = PEERS[name]
        model = _peers.make_model(self.folder, self.kind, "peft-lora", head=self.head, lora=self.lora)
        trainer = _peers.make_trainer(model, style, self.folder, self.given.device, self.out)
        rows = {id(one): _peers.rows_of(one, padded=style.padded) for one in self.rows.values()}
        return partial(self.timed, name, lambda features: _peers.predict(trainer, rows[id(features)], features))

    def ours(self, precision: str) -> Callable[[], dict[str, Any]]:
        """Return our way."""
        encoder = _ours.make_encoder(self.folder, precision, weights=self.lora)
        head = _ours.make_head(self.kind, encoder)

        def one(features: Features) -> list[np.ndarray]:
            outputs = _ours.predicted(encoder, head, features, precision, self.given.device)
            return _ours.logits_of(outputs, features)

        return partial(self.timed, f"ours, {precision}", one)

    def many(self, precision: str, *, cached: bool) -> Callable[[], dict[str, Any]]:
        """Return the way to predict with several modules of the top half: each anew, or all over kept hidden states."""
        top = f"top-{self.layers // 2}"

        def work() -> dict[str, Any]:
            rows = 0
            with tempfile.TemporaryDirectory() as into:
                took = _ours.Stopwatch(self.given.device)
                encoder = _ours.make_encoder(self.folder, precision, layers=top)
                head = _ours.make_head(self.kind, encoder)
                for number, features in enumerate(self.rows.values()):
                    states = None
                    if cached:
                        states = _ours.build_states(
                            encoder,
                            precision,
                            features,
                            layer=encoder.lowest,
                            into=Path(into) / str(number),
                            device=self.given.device,
                        )
                    for _ in range(MODULES):
                        _ours.predicted(encoder, head, features, precision, self.given.device, states)
                        rows += features.rows
                return {"rows_per_second": rows / took.seconds()}

        return work

    def ways(self) -> dict[str, Callable[[], dict[str, Any]]]:
        """Return every way by name."""
        found = {name: self.peer(name) for name in PEERS}
        found |= {f"ours, {precision}": self.ours(precision) for precision in ("fp32", "bf16")}
        for cached, label in ((False, "each anew"), (True, "kept hidden states")):
            found[f"ours, {MODULES} modules, top half, bf16, {label}"] = self.many("bf16", cached=cached)
        return found

    def agreement(self, name: str) -> dict[str, float]:
        """Return how much of a way's answers are the reference's."""
        mine, theirs = self.logits[name], self.logits[REFERENCE]
        same = np.concatenate(
            [np.atleast_1d(one.argmax(-1) == other.argmax(-1)) for one, other in zip(mine, theirs, strict=True)]
        )
        apart = max(float(np.abs(one - other).max()) for one, other in zip(mine, theirs, strict=True))
        scale = float(np.concatenate([np.ravel(one) for one in theirs]).std())
        return {
            "same_answers": round(float(same.mean()), 4),
            "largest_difference": round(apart, 6),
            "logit_sd": round(scale, 4),
        }


def main() -> None:
    """Measure."""
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=24, help="of XNLI, per language and split")
    parser.add_argument("--questions", type=int, default=8, help="of XQuAD, per language")
    given = parser.parse_args()
    if given.quick:
        given.rows, given.questions, given.repeats = 4, 2, 1
    found: dict[str, Any] = {}
    with encoder_folder("mini" if given.quick else "base") as folder, tempfile.TemporaryDirectory() as out:
        for task, count in (("xnli", given.rows), ("xquad", given.questions)):
            rows = languages_of(task, count)
            bench = Bench(given, folder, Path(out), task, rows)
            ways = bench.ways()
            take_turns({name: work for name, work in ways.items() if name != REFERENCE}, 1)  # warms up
            turns = take_turns(ways, given.repeats)
            lengths = np.concatenate([one.lengths for one in rows.values()])
            found[task] = {
                "languages": list(rows),
                "rows": len(lengths),
                "mean_length": round(float(lengths.mean()), 1),
                "ways": {
                    name: {"rows_per_second": spread([one["rows_per_second"] for one in each], 3)}
                    | (bench.agreement(name) if name in bench.logits else {})
                    for name, each in turns.items()
                },
            }
    finish("predict", given, {"encoder": "mini" if given.quick else "base", "tasks": found})


if __name__ == "__main__":
    main()
