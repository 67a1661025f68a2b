"""README.md of a package: the model card that a person reads, made of what stands on the transfer card."""

from __future__ import annotations

from math import prod
from pathlib import Path

from layover.escape import plain
from layover.files.safe import header as tensors_of
from layover.hub.contents import PICTURE, README
from layover.hub.model_card import hub, limits, text, use
from layover.hub.model_card.plot import draw
from layover.hub.model_card.words import title
from layover.layouts import heads
from layover.packages.card import Card


def write(folder: Path, card: Card) -> None:
    """Write README.md, and the picture where there is something to show.

    Args:
        folder: With the other files of the package.
        card: Complete but for the hashes of what is written here.
    """
    pictured = draw(card, folder / PICTURE)
    head = folder / heads.HEAD
    count = sum(prod(one.shape) for one in tensors_of(head).values()) if head.is_file() else 0
    (folder / README).write_text(markdown(card, count, pictured=pictured), encoding="utf-8")


def markdown(card: Card, head_weights: int, *, pictured: bool) -> str:
    """Return the model card as Markdown, the metadata of hubs at its beginning.

    Args:
        card: Of the package.
        head_weights: Of its head; 0 without.
        pictured: Whether the picture lies beside it.
    """
    sections = [
        f"# {card.id}",
        f"{plain(card.title)}.",
        *text.what(card, head_weights),
        *text.results(card, pictured=pictured),
        *use.use(card),
        *text.training(card),
        *limits.limits(card),
        *text.verification(card),
    ]
    return f"{hub.header(card)}\n" + "\n\n".join(sections) + "\n"


__all__ = ["PICTURE", "README", "markdown", "title", "write"]
