"""Which encoder a package is put on: one that this program knows, or one that a person names, never one of a file."""

from __future__ import annotations

from pathlib import Path

from layover.errors import ModelError
from layover.packages.card import Card
from layover.plan.encoders import KNOWN_SHAPES
from layover.sandbox import encoders


def encoder_for(card: Card, base: str | None) -> tuple[str, str | None]:
    """Return source and revision of the encoder of a package, as `Encoder.load` takes them.

    Args:
        card: Of the package.
        base: A directory, a hub id or a name of the sandbox that a person gave; None for the card's own, which is taken
            by its name where it is one of the sandbox or one of the models that Layover's recipes use, at the card's
            commit.

    Raises:
        ModelError: the encoder has to be named.
    """
    named = card.base.name
    if base is not None:
        folder = encoders.folder_of(base)
        if folder is not None:
            return str(folder), None
        return base, card.base.revision if base == named and not Path(base).is_dir() else None
    folder = None if named is None else encoders.folder_of(named)
    if folder is not None:
        return str(folder), None
    if named in KNOWN_SHAPES and card.base.revision is not None:
        return named, card.base.revision
    what = "a directory of somebody's own" if named is None else f"{named} at {card.base.revision or 'no commit'}"
    raise ModelError(
        f"{card.id}: its encoder is {what}, which is not loaded because a file says so; name it with base, a directory "
        "or a hub id"
    )
