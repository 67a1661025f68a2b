"""The page of a folder of packages: a list of them with their scores, which every export into the folder rewrites."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from layover.errors import LayoverError
from layover.escape import Markup, markdown_table
from layover.hub.contents import README
from layover.hub.libraries import ADAPTERS, PEFT, adapters_refuses, peft_refuses
from layover.hub.model_card.page import intermediates, trained_on
from layover.hub.model_card.results import lines_of, mean, shown
from layover.hub.model_card.sandbox import from_sandbox
from layover.packages.card import CARD, Card, read_card

PAGE = README
"""Hubs and forges show this file of a folder."""
WRITTEN_HERE = "<!-- Written by `layover export`, which "
"""The beginning of every page that Layover wrote; another page is not overwritten."""
MARK = f"{WRITTEN_HERE}rewrites it at every export. -->"
"""The first line of a page."""
ABOUT = (
    "Each folder is a package that Layover exported: a module, its head and its results if it has them, and a probe "
    "that proves its outputs. Its README.md shows how to use it in Layover, and in peft or adapters if they load it. "
    "Keep the packages that it needs next to it."
)
DEMONSTRATIONS = (
    "> **These packages are demonstrations**: a tiny encoder on a small generated world, one seed. Their scores say "
    "nothing about natural text."
)


def check(directory: Path) -> None:
    """Refuse a directory with a page that Layover did not write, or with a package that cannot be read.

    Raises:
        LayoverError: names the file.
    """
    _text(directory)


def write(directory: Path) -> Path:
    """Write the page of all packages in a directory, and return it.

    Raises:
        LayoverError: see `check`.
    """
    text, page = _text(directory), directory / PAGE
    with tempfile.TemporaryDirectory(dir=directory, prefix=f".{PAGE}.") as work:
        file = Path(work) / PAGE
        file.write_text(text, encoding="utf-8")
        file.replace(page)  # atomic, so that a reader never sees half of the page
    return page


def _text(directory: Path) -> str:
    """Return the page of the packages in a directory; see `check`."""
    page = directory / PAGE
    if page.exists() and not (page.is_file() and page.read_bytes().startswith(WRITTEN_HERE.encode())):
        raise LayoverError(f"{page} was not written by Layover and is not overwritten; name another folder with --to")
    try:
        return markdown([read_card(file.parent) for file in sorted(directory.glob(f"[!.]*/{CARD}"))])
    except LayoverError as error:
        raise LayoverError(
            f"{error}; the page of {directory} lists every package in it: remove this package, or name another "
            "folder with --to"
        ) from None


def markdown(cards: Sequence[Card]) -> str:
    """Return the page.

    Args:
        cards: The cards of the packages, in the order of their names.
    """
    scored = [card for card in cards if card.scores is not None]
    others = [card for card in cards if card.scores is None]
    parts = [
        MARK,
        "# Packages",
        ABOUT,
        *([DEMONSTRATIONS] if cards and all(from_sandbox(card).whole for card in cards) else []),
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
                    "also loads in",
                    "needs",
                ],
                [_scored(card) for card in scored],
            ),
        ]
    if others:
        parts += [
            "## Intermediates",
            "They were not scored themselves; other packages were trained on top of them.",
            markdown_table(["name", "kind", "task", "base", "also loads in"], [_unscored(card) for card in others]),
        ]
    return "\n\n".join(parts) + "\n"


def _reading(scored: Sequence[Card]) -> str:
    """Return the explanation of the scores, and of a choice by them."""
    text = (
        "A score is the mean over the languages; their number is in brackets. *zero-shot* is the mean over the "
        "languages that the task was not trained in. *to none* and *to full* are the differences to the same method "
        "without an intermediate, and to full fine-tuning."
    )
    if any(card.scores is not None and card.scores.best_of is not None for card in scored):
        text += (
            " A package with a * was **chosen by the scores shown**, as the best of several on the same split. So its "
            "score is a little too high, and on new data another package may be better."
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
    score = "–" if whole is None else f"{shown(whole.value, scores.metric)}{best} {scores.metric} ({whole.languages})"
    return [
        _linked(card.id),
        _kind(card),
        trained_on(card),
        " and ".join(intermediates(card)) or "–",
        score,
        shown(None if far is None else far.value, scores.metric),
        *(shown(None if gain is None else gain.value, scores.metric, signed=True) for gain in differences),
        card.base.name or "without a public name",
        _also_in(card),
        Markup(", ".join(map(_linked, card.needed())) or "–"),
    ]


def _unscored(card: Card) -> list[str]:
    return [
        _linked(card.id),
        _kind(card),
        trained_on(card),
        card.base.name or "without a public name",
        _also_in(card),
    ]


def _also_in(card: Card) -> str:
    """Return the libraries other than Layover whose outputs equal the outputs of a package."""
    refusals = {PEFT: peft_refuses(card), ADAPTERS: adapters_refuses(card)}
    return ", ".join(library for library, reason in refusals.items() if not reason) or "–"


def _kind(card: Card) -> str:
    """Return module and composition: `lora, stack`."""
    modules = dict.fromkeys(piece.module["name"] for piece in card.attachments)
    composed = [card.composition["name"]] if card.composition is not None else []
    return ", ".join([*(modules or ["head"]), *composed, *(["flattened"] if card.flattened else [])])


def _linked(name: str) -> Markup:
    return Markup(f"[{name}]({name})")
