"""Training examples per second: Layover against the Trainer with peft and adapters, and against full fine-tuning.

    python benchmarks/train_step.py [--task squad] [--steps 16] [--padded-steps 4] [--repeats 3]

All start from the same random weights of XLM-R base (LoRA of rank 8 on query and value) and see the same rows, with
the lengths of MultiNLI or SQuAD; lr, schedule and AdamW are the same. First each way trains the same few steps once,
which warms it up and says what its loss is after them; then all take turns. A padded step costs the same whatever is
in it, so the ways that pad do fewer steps in their turns.
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
from _common import BATCH, SIZES, arguments, encoder_folder, finish, spread, take, take_turns, tell, training_rows

from layover.data.features import Features

EPOCHS_CACHED = 3
HELD_OUT = 64

Way = Callable[[Features, Features | None], dict[str, Any]]


class Bench:
    """The ways to train, on the rows they are given."""

    def __init__(self, given: argparse.Namespace, folder: Path, size: str) -> None:
        self.given, self.folder, self.layers = given, folder, SIZES[size][0]
        self.kind = "classification" if given.task == "mnli" else "span"
        encoder = _ours.make_encoder(folder, "fp32")
        self.lora = encoder.state("target")
        self.head = _ours.make_head(self.kind, encoder).state_dict()

    def ours(
        self, layers: str, precision: str, dropout: float, rows: Features, held: Features | None
    ) -> dict[str, Any]:
        """Train our LoRA."""
        encoder = _ours.make_encoder(self.folder, precision, layers=layers, dropout=dropout)
        head = _ours.make_head(self.kind, encoder, dropout)
        seconds, loss = _ours.train(encoder, head, rows, precision, self.given.device)
        found = {"seconds": seconds, "examples": rows.rows, "loss": loss}
        if held is not None:
            outputs = _ours.predicted(encoder, head, held, precision, self.given.device)
            found["held_out_loss"] = _ours.loss_of(_ours.logits_of(outputs, held), held)
        return found

    def cached(self, layers: str, precision: str, rows: Features, held: Features | None) -> dict[str, Any]:
        """Build the hidden states and train three epochs on them; building is in the time."""
        del held
        frozen, layer = _ours.make_encoder(self.folder, precision, module="none"), _ours.lowest_of(self.folder, layers)
        with tempfile.TemporaryDirectory() as into:
            took = _ours.Stopwatch(self.given.device)
            states = _ours.build_states(frozen, precision, rows, layer=layer, into=Path(into), device=self.given.device)
            building = took.seconds()
            encoder = _ours.make_cached_encoder(self.folder, precision, layers=layers)
            head = _ours.make_head(self.kind, encoder)
            seconds, loss = _ours.train(
                encoder, head, rows, precision, self.given.device, epochs=EPOCHS_CACHED, states=states
            )
        return {
            "seconds": building + seconds,
            "building": building,
            "examples": EPOCHS_CACHED * rows.rows,
            "loss": loss,
        }

    def peer(
        self, method: str, style: _peers.Style, dropout: float, rows: Features, held: Features | None
    ) -> dict[str, Any]:
        """Train with the Trainer."""
        model = _peers.make_model(self.folder, self.kind, method, head=self.head, lora=self.lora, dropout=dropout)
        with tempfile.TemporaryDirectory() as out:
            seconds, loss = _peers.train(model, style, rows, self.folder, self.given.device, Path(out))
            found = {"seconds": seconds, "examples": rows.rows, "loss": loss}
            if held is not None:
                style = _peers.Style(False, {})
                trainer = _peers.make_trainer(model, style, self.folder, self.given.device, Path(out))
                logits = _peers.predict(trainer, _peers.rows_of(held, padded=False), held)
                found["held_out_loss"] = _ours.loss_of(logits, held)
        return found

    def ways(self) -> dict[str, Way]:
        """Return every way by name; `(a)` is as users run it, `(b)` as an expert would."""
        half, quarter = f"top-{self.layers // 2}", f"top-{self.layers // 4}"
        a, b = _peers.AS_USERS_DO, _peers.AS_AN_EXPERT
        found: dict[str, Way] = {
            "full fine-tuning (a)": partial(self.peer, "full", a, 0.1),
            "peft LoRA (a)": partial(self.peer, "peft-lora", a, 0.1),
            "adapters LoRA (a)": partial(self.peer, "adapters-lora", a, 0.1),
            "adapters seq_bn (a)": partial(self.peer, "adapters-seq_bn", a, 0.1),
            "peft LoRA (b)": partial(self.peer, "peft-lora", b, 0.1),
            "peft LoRA (b), no dropout": partial(self.peer, "peft-lora", b, 0.0),
            "ours, all layers, fp32, dropout 0.1": partial(self.ours, "all", "fp32", 0.1),
            "ours, all layers, bf16, dropout 0.1": partial(self.ours, "all", "bf16", 0.1),
        }
        for layers, label in (("all", "all layers"), (half, "top half"), (quarter, "top quarter")):
            for precision in ("fp32", "bf16"):
                found[f"ours, {label}, {precision}"] = partial(self.ours, layers, precision, 0.0)
                if layers != "all":
                    found[f"ours, {label}, {precision}, cached"] = partial(self.cached, layers, precision)
        return found


def main() -> None:
    """Measure."""
    parser = arguments(__doc__)
    parser.add_argument("--task", choices=["mnli", "squad"], default="mnli")
    parser.add_argument("--steps", type=int, default=16, help="of a turn")
    parser.add_argument("--padded-steps", type=int, default=4, help="of a turn of a way that pads to the maximum")
    parser.add_argument("--equal-steps", type=int, default=8, help="after which all losses are compared")
    given = parser.parse_args()
    if given.quick:
        given.steps, given.padded_steps, given.equal_steps, given.repeats = 4, 1, 2, 1
    size = "mini" if given.quick else "base"
    most = max(given.steps, given.padded_steps, given.equal_steps) * BATCH
    every = training_rows(given.task, most + HELD_OUT)
    held = take(every, np.arange(most, every.rows))

    def rows(steps: int) -> Features:
        return take(every, np.arange(steps * BATCH))

    with encoder_folder(size) as folder:
        ways, losses = Bench(given, folder, size).ways(), {}
        for name, work in ways.items():
            losses[name] = work(rows(given.equal_steps), held)
            tell(f"equal steps, {name}: {losses[name]}")
        some, few = rows(given.steps), rows(given.padded_steps)
        turns = take_turns(
            {name: partial(work, few if "(a)" in name else some, None) for name, work in ways.items()}, given.repeats
        )
    body = {
        "encoder": size,
        "mean_length": round(float(some.lengths.mean()), 1),
        "ways": {
            name: {
                "examples_per_second": spread([one["examples"] / one["seconds"] for one in found], 3),
                "loss_after_equal_steps": round(losses[name]["loss"], 4),
                "held_out_loss": losses[name].get("held_out_loss"),
            }
            for name, found in turns.items()
        },
    }
    finish("train_step" if given.task == "mnli" else f"train_step-{given.task}", given, body)


if __name__ == "__main__":
    main()
