"""gate: the gates of an intermediate, trained on its own task or tasks while module and heads stay as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from safetensors.torch import save_file

from layover import mixers
from layover.compositions import MIX, Mix, Part, Piece
from layover.encoder import DropoutClock
from layover.errors import ModelError
from layover.plan import Node
from layover.plan.inputs import GateInputs
from layover.plan.mixtures import MixtureInputs
from layover.steps.context import Context
from layover.steps.files import GATES, MEASURED, TRAINING
from layover.steps.fitting import drop_layers, hyperparameters_of, load_encoder, reporter
from layover.steps.machine import execution_of
from layover.steps.mixture import branches_of
from layover.steps.states import load_states
from layover.steps.tokenize import load_features
from layover.steps.trained import load_heads, speak, trained_pieces
from layover.store import write_json
from layover.training import Branch, fit


def run(node: Node, folder: Path, context: Context) -> None:
    """Train the gates for a number of steps, and write the last ones."""
    inputs: GateInputs = node.inputs
    trained, numbers, store = inputs.trained, inputs.trained.optimisation, context.store
    clock = DropoutClock(numbers.seed)
    encoder = load_encoder(trained, node, context, clock)
    encoder.attach(gated(trained_pieces(store, inputs.key, encoder.shape)), seed=numbers.seed)
    drop_layers(encoder, trained.adapterdrop, [trained.module])
    speak(encoder, store, trained.languages.train)
    heads = load_heads(store, inputs.key, encoder, numbers.dropout)
    if isinstance(trained, MixtureInputs):
        branches = branches_of(trained, heads, store, node.trunks)
    else:
        states = load_states(store, node.trunks, trained.data)
        branches = [Branch(trained.task.name, heads[0], load_features(store, trained.data), states=states)]
    result = fit(
        encoder,
        branches,
        hyperparameters=replace(hyperparameters_of(numbers), steps=inputs.steps, lr=inputs.lr),
        execution=execution_of(context.execution),
        clock=clock,
        judge=None,
        checkpoint_dir=store.work(node.key),
        progress=reporter(context, numbers.batch),
        stop=context.stopping,
        train_head=False,
    )
    save_file(encoder.state(MIX), folder / GATES)
    count = sum(value.numel() for value in encoder.trained()[MIX].values())
    rows = sum(branch.features.rows for branch in branches)
    write_json(folder / TRAINING, {**result.as_json(), "parameters": {"gates": count}, "rows": rows})
    write_json(folder / MEASURED, result.measured.as_json())


def gated(pieces: list[Piece]) -> list[Piece]:
    """Return the pieces with a fresh gate on the module of the training, which stands last.

    Raises:
        ModelError: there is no such module.
    """
    if not pieces or not isinstance(pieces[-1], Part):
        raise ModelError("gates are trained on a module, and there is none")
    mix = Mix(MIX, mixers.get("gate")(), (pieces[-1],), None, trainable=True)
    return [*pieces[:-1], mix]
