"""The encoder that may be loaded for a card; only this module decides it.

A card names its encoder, and a card can come from an untrusted source. So only encoders that ship with Layover, and
encoders of Layover's own recipes, are loaded by this name, at the commit of the card. The user must name all others.
"""

from __future__ import annotations

import re
from pathlib import Path

from layover.errors import ModelError, nearest, printable
from layover.files.hub_cache import COMMIT
from layover.packages.card import Card
from layover.plan.encoders import KNOWN_SHAPES
from layover_sandbox import encoders

HUB_ID = re.compile(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*?)(?:@([\w.-]{1,64}))?", re.ASCII)
"""`org/name`, or `org/name@commit`."""


def encoder_for(card: Card, base: str | None) -> tuple[str, str | None]:
    """Return the encoder for a card: a directory, or a hub id and its commit.

    Args:
        card: Card of the package.
        base: Encoder that the user names: a name of the sandbox, a directory, `org/name` or `org/name@commit` of the
            hub. Without a commit, the commit of the card if both name the same encoder. None: the name on the card.

    Raises:
        ModelError: the name on the card is not one of the trusted encoders, or `base` is none of these.
    """
    return _by_card(card) if base is None else _by_person(card, base)


def _by_card(card: Card) -> tuple[str, str | None]:
    name, revision = card.base.name, card.base.revision
    if name is None:
        raise ModelError(f"{card.id} belongs to an encoder without a name; give its directory with --base")
    shown = printable(name)
    folder = encoders.folder_of(name)
    if folder is not None:
        return str(folder), None
    if name not in KNOWN_SHAPES:
        raise ModelError(
            f"{card.id} belongs to {shown}; Layover does not load an unknown encoder by a card alone; if you trust it, "
            f"use --base {shown}{'' if revision is None else f'@{revision}'}"
        )
    if revision is None or COMMIT.match(revision) is None:
        raise ModelError(f"{card.id} belongs to {shown}, but names no commit; use --base {shown}@COMMIT")
    return name, revision


def _by_person(card: Card, base: str) -> tuple[str, str | None]:
    folder = encoders.folder_of(base) or Path(base)
    if folder.is_dir():
        return str(folder), None
    match = HUB_ID.fullmatch(base)
    if base.startswith(encoders.PREFIX) or match is None:
        raise ModelError(
            f"{base!r} is neither a directory, nor an encoder of the sandbox, nor a hub id (org/name@commit); "
            f"{nearest(base, [*encoders.names(), *KNOWN_SHAPES])}"
        )
    name, revision = match.groups()
    return name, revision or (card.base.revision if name == card.base.name else None)
