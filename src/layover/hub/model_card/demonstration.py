"""Which parts of a package come from the sandbox: its encoder, its data."""

from __future__ import annotations

from collections.abc import Sequence

from layover.escape import bold, listed
from layover.packages.card import Card
from layover.packages.sections import DataFacts
from layover_sandbox.encoders import PREFIX

RANDOM = "The encoder's weights were drawn at random and never pretrained. It knows no language."
BOTH = "The encoder and the data are those of Layover's sandbox: a small model of a small generated world."
ENCODER = "The encoder comes from Layover's sandbox: a small model of a small generated world."


def has_sandbox_encoder(card: Card) -> bool:
    """Return whether the encoder is one of those that come with Layover."""
    return card.base.name is not None and card.base.name.startswith(PREFIX)


def is_of_sandbox(data: DataFacts) -> bool:
    """Return whether data are those of the sandbox; a card of version 0.1 says so by the names of its tasks alone."""
    return data.sandbox if data.sandbox is not None else data.task.startswith(PREFIX)


def is_wholly_of_sandbox(card: Card) -> bool:
    """Return whether encoder and data are those of the sandbox."""
    data = _all(card)
    return has_sandbox_encoder(card) and not card.imports() and all(map(is_of_sandbox, data))


def remark(card: Card) -> str:
    """Return what is a demonstration here; empty where encoder and data are real."""
    generated = _generated(card)
    if is_wholly_of_sandbox(card):
        text = BOTH
    elif card.base.random or has_sandbox_encoder(card):
        text = f"{RANDOM if card.base.random else ENCODER} {_data(card, generated)}".strip()
    elif generated:
        return f"> **Generated data.** {_data(card, generated)} {_verdict(card)}".strip()
    else:
        return ""
    return f"> **A demonstration.** {text} {_verdict(card)}".strip()


def _data(card: Card, generated: Sequence[str]) -> str:
    """Return which data are the sandbox's."""
    if not generated:
        return "" if card.imports() or card.base.random else "The data are not from the sandbox."
    some = not card.imports() and not all(map(is_of_sandbox, _all(card)))
    others = " The others are not." if some else ""
    return f"The data of {listed(generated)} are those of Layover's sandbox, text of a small generated world.{others}"


def _generated(card: Card) -> list[str]:
    """Return the tasks whose data are the sandbox's; with the split, where the others of the task are not."""
    found: list[str] = []
    for task in dict.fromkeys(one.task for one in _all(card)):
        data = [one for one in _all(card) if one.task == task]
        splits = list(dict.fromkeys(one.split for one in data if is_of_sandbox(one)))
        if all(map(is_of_sandbox, data)):
            found.append(bold(task))
        elif splits:
            found.append(f"{bold(task)} ({listed(splits)})")
    return found


def _verdict(card: Card) -> str:
    """Return what the scores are worth; empty where there are none."""
    if card.scores is None:
        return ""
    if card.base.random:
        return "The scores say that the machinery works, and nothing about what transfer is worth."
    if card.scores.data and all(map(is_of_sandbox, card.scores.data)):
        return "The scores are real, and say nothing about natural text."
    if has_sandbox_encoder(card):
        return "The encoder is a small demonstration model; do not compare these scores with those of larger encoders."
    return ""


def _all(card: Card) -> list[DataFacts]:
    """Return the data that it was trained on, and scored on."""
    return [*card.data, *(card.scores.data if card.scores is not None else ())]
