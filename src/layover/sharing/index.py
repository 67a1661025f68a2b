"""The page beside packages: what lies there, and how it scored; written anew by every export into the folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from layover.errors import LayoverError
from layover.packages.card import CARD, Card, read_card
from layover.report._section import markdown_table
from layover.sharing.libraries import reader_of
from layover.sharing.model_card.results import lines_of, mean, shown
from layover.sharing.model_card.words import intermediates, trained_on

PAGE = "README.md"
MARK = "<!-- Written by `layover export`, which writes it anew. -->"
"""Stands at the head of the page, so that nobody else's is overwritten."""
ABOUT = (
    "Each folder is a module that Layover trained, with its head, its results and a proof of what it computes; its "
    "README.md says how it is used in Layover, in peft and in adapters. Keep what a package needs beside it."
)


def check(directory: Path) -> None:
    """Refuse a directory whose page is somebody else's.

    Raises:
        LayoverError: says which file is in the way.
    """
    page = directory / PAGE
    if page.exists() and not page.read_text(encoding="utf-8").startswith(MARK):
        raise LayoverError(f"{page} is no page of packages, and is not overwritten; name another folder with --to")


def write(directory: Path) -> Path:
    """Write the page of all packages in a directory, and return it.

    Raises:
        LayoverError: see `check`; or the card of a package cannot be read.
    """
    check(directory)
    cards = [read_card(file.parent) for file in sorted(directory.glob(f"[!.]*/{CARD}"))]
    page = directory / PAGE
    with tempfile.NamedTemporaryFile("w", dir=directory, prefix=".", encoding="utf-8", delete=False) as stream:
        stream.write(markdown(cards))
    Path(stream.name).chmod(0o644)
    os.replace(stream.name, page)  # noqa: PTH105 - one step, so that a reader never sees half of it
    return page


def markdown(cards: Sequence[Card]) -> str:
    """Return the page.

    Args:
        cards: Of the packages, in the order of their names.
    """
    scored = [card for card in cards if card.scores is not None]
    others = [card for card in cards if card.scores is None]
    parts = [
        MARK,
        "# Packages",
        ABOUT,
    ]
    if scored:
        parts += [
            "## Trained for a task",
            _reading(scored),
            markdown_table(
                [
                    "name",
                    "kind",
                    "task",
                    "after",
                    "score",
                    "zero-shot",
                    "to none",
                    "to full",
                    "base",
                    "loads in",
                    "needs",
                ],
                [_scored(card) for card in scored],
            ),
        ]
    if others:
        parts += [
            "## Intermediates",
            "What the packages above were trained on top of.",
            markdown_table(["name", "kind", "task", "base", "loads in"], [_unscored(card) for card in others]),
        ]
    return "\n\n".join(parts) + "\n"


def _reading(scored: Sequence[Card]) -> str:
    """Return how the scores are read, and what was chosen by them."""
    text = (
        "Scores are means over the languages, in brackets their number; *zero-shot* is the mean over the languages "
        "that the task was not trained in. *to none* and *to full* are the differences to the same without an "
        "intermediate and to full fine-tuning."
    )
    if any(card.scores is not None and card.scores.best_of is not None for card in scored):
        text += (
            " A package with a * was **chosen by the scores shown**, as the best of several on this very split: they "
            "are a little too good, and on new data it may not be the best."
        )
    return text


def _scored(card: Card) -> list[str]:
    scores, lines = card.scores, lines_of(card)
    if scores is None:
        return []
    zero_shot = [line for line in lines if line.zero_shot]
    whole, far = mean(lines, lambda line: line.score), mean(zero_shot, lambda line: line.score)
    differences = [mean(lines, lambda line: line.to_none), mean(lines, lambda line: line.to_full)]
    best = "*" if scores.best_of is not None else ""
    score = "–" if whole is None else f"{shown(scores, whole.value)}{best} {scores.metric} ({whole.languages})"
    return [
        _linked(card.id),
        _kind(card),
        trained_on(card),
        " and ".join(intermediates(card)) or "–",
        score.replace("*", "\\*"),
        shown(scores, None if far is None else far.value),
        *(shown(scores, None if one is None else one.value, signed=True) for one in differences),
        card.base.name or "its author's own",
        reader_of(card),
        ", ".join(map(_linked, card.needed())) or "–",
    ]


def _unscored(card: Card) -> list[str]:
    return [_linked(card.id), _kind(card), trained_on(card), card.base.name or "its author's own", reader_of(card)]


def _kind(card: Card) -> str:
    """Return module and composition: `lora, stack`."""
    modules = dict.fromkeys(piece.module["name"] for piece in card.pieces)
    composed = [card.composition["name"]] if card.composition is not None else []
    return ", ".join([*(modules or ["head"]), *composed, *(["flattened"] if card.flattened else [])])


def _linked(name: str) -> str:
    return f"[{name}]({name})"
