"""What every training does beside the loop: its settings, scores on development data, what it tells, its files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from layover import kinds
from layover.data.features import Features
from layover.encoder import DropoutClock, Encoder
from layover.errors import DataError
from layover.heads import Head
from layover.modules import AdapterDrop, Module
from layover.plan import Node
from layover.plan.inputs import Optimisation, Selection
from layover.plan.passes import Training, data_of, tasks_of
from layover.specs.hyperparameters import Hyperparameters
from layover.steps.accounting import first_without_gold
from layover.steps.context import Context
from layover.steps.files import weights_of
from layover.steps.loaded import load
from layover.steps.states import lowest_needed
from layover.steps.tokenize import load_examples
from layover.steps.trained import reads_table
from layover.tasks import Task
from layover.training import Progress


def hyperparameters_of(numbers: Optimisation) -> Hyperparameters:
    """Return the numbers of a training as the loop takes them."""
    return Hyperparameters(**asdict(numbers))


def load_encoder(training: Training, node: Node, context: Context, clock: DropoutClock) -> Encoder:
    """Return the encoder of a training, or of a training of its gates, with nothing attached: as much as its data need.

    Args:
        training: What it is loaded for.
        node: Whose hidden states are kept.
        context: Where they lie.
        clock: Where the training stands.
    """
    numbers, tasks = training.optimisation, tasks_of(training)
    return load(
        training.encoder.source,
        training.encoder.revision,
        clock=clock,
        dropout=numbers.dropout,
        precision=numbers.precision,
        whole=training.module.whole,
        from_layer=lowest_needed(context.store, node.trunks, data_of(training, selects=node.kind == "train")),
        all_words=any(reads_table(one.task.kind, one.task.labels) for one in tasks),
    )


def scorer(task: Task, selection: Selection, features: Features, context: Context) -> Callable[..., dict[str, float]]:
    """Return what scores the head's outputs on a development set by every metric of the task.

    Raises:
        DataError: an example has no gold, with its file and line.
    """
    kind, rules = kinds.get(task.kind), task.rules()
    examples = load_examples(context.store, selection.data, task.kind)
    gold = sum(kind.has_gold(example) for example in examples)
    if gold < len(examples):
        where = first_without_gold(context.store, selection.data)
        raise DataError(
            f"{task.name}: {gold} of {len(examples)} examples of the development data ({selection.language}) have "
            f"gold, so the weights cannot be chosen by {selection.metric}; the first without is {where}. Give it a "
            f"label, remove it, or keep the last weights with tasks.{task.name}.select: null"
        )

    def score(outputs: Mapping[str, Any]) -> dict[str, float]:
        predictions = kind.decode(outputs, features, examples, labels=task.labels)
        return kind.score(predictions, examples, metrics=task.metrics, language=selection.language, rules=rules)

    return score


def reporter(context: Context, batch: int) -> Callable[[Progress], None]:
    """Return what tells of a training in examples, as people compare speeds."""

    def report(progress: Progress) -> None:
        values = progress.as_json()
        done, total = progress.done * batch, progress.total * batch
        context.progress({**values, "done": done, "total": total, "unit": "examples"})

    return report


def drop_layers(encoder: Encoder, drop: AdapterDrop, modules: Iterable[Module]) -> None:
    """Leave modules out of the lowest layers, where it is asked for.

    Raises:
        ModelError: nothing of a module would be left, or all of it.
    """
    if drop.drops():
        for module in modules:
            drop.check(module, encoder.num_layers)
        encoder.drop(drop)


def save_trained(encoder: Encoder, folder: Path) -> dict[str, int]:
    """Write the trained weights of every part; return how many there are of each."""
    for name in encoder.trained():
        save_file(encoder.state(name), folder / weights_of(name))
    return {name: sum(value.numel() for value in part.values()) for name, part in encoder.trained().items()}


def save_head(head: Head, file: Path) -> int:
    """Write the weights of a head; return how many there are."""
    save_file({name: value.contiguous().cpu() for name, value in head.state_dict().items()}, file)
    return sum(value.numel() for value in head.parameters())
