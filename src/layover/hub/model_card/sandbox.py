"""The parts of a package that come from the sandbox: its encoder and its data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from layover.packages.card import Card
from layover.packages.sections import DataFacts
from layover_sandbox.encoders import PREFIX


@dataclass(frozen=True)
class FromSandbox:
    """The parts of a package that come from the sandbox."""

    encoder: bool
    whole: bool
    """Whether the encoder and all data do."""
    tasks: tuple[tuple[str, tuple[str, ...]], ...]
    """The tasks with generated data; with their splits if other data of the task are not generated."""
    others: bool
    """Whether there are other data, too."""
    scored: bool
    """Whether all scores are of generated data."""


def has_sandbox_encoder(card: Card) -> bool:
    """Return whether the encoder comes with Layover."""
    return card.base.name is not None and card.base.name.startswith(PREFIX)


def is_of_sandbox(data: DataFacts) -> bool:
    """Return whether data come from the sandbox; on a card of version 0.1 the name of the task decides."""
    return data.sandbox if data.sandbox is not None else data.task.startswith(PREFIX)


def from_sandbox(card: Card) -> FromSandbox:
    """Return the parts of a package that come from the sandbox."""
    scored = card.scores.data if card.scores is not None else ()
    every = [*card.data, *scored]
    encoder, generated = has_sandbox_encoder(card), all(map(is_of_sandbox, every))
    return FromSandbox(
        encoder=encoder,
        whole=encoder and generated and not card.imports(),
        tasks=_generated(every),
        others=not card.imports() and not generated,
        scored=bool(scored) and all(map(is_of_sandbox, scored)),
    )


def _generated(every: Sequence[DataFacts]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the tasks with generated data; see `FromSandbox.tasks`."""
    tasks = []
    for task in dict.fromkeys(data.task for data in every):
        own = [data for data in every if data.task == task]
        splits = dict.fromkeys(data.split for data in own if is_of_sandbox(data))
        if splits:
            tasks.append((task, () if all(map(is_of_sandbox, own)) else tuple(splits)))
    return tuple(tasks)
