"""Which encoder may be loaded for a card. The one place that decides it.

A card names its encoder, and a card may come from anybody: so only what ships with Layover, and what Layover's own
recipes use, is loaded by that name, at the commit that the card gives. Everything else a person has to name.
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
    """Return what to load for a card: a directory or hub id, and the commit of the latter.

    Args:
        card: Of the package.
        base: What a person names: a name of the sandbox, a directory, `org/name` or `org/name@commit` of the hub;
            without a commit that of the card, where both name the same. None takes the card's own name, if it may be.

    Raises:
        ModelError: the card's own name is not one that is loaded because a card says so, or `base` is none of these.
    """
    return _by_card(card) if base is None else _by_person(card, base)


def _by_card(card: Card) -> tuple[str, str | None]:
    name, revision = card.base.name, card.base.revision
    if name is None:
        raise ModelError(f"{card.id} belongs to an encoder that has no name; name its directory with --base")
    shown = printable(name)
    folder = encoders.folder_of(name)
    if folder is not None:
        return str(folder), None
    if name not in KNOWN_SHAPES:
        raise ModelError(
            f"{card.id} belongs to {shown}, which is not loaded because a card says so; if you trust it, name it: "
            f"--base {shown}{'' if revision is None else f'@{revision}'}"
        )
    if revision is None or COMMIT.match(revision) is None:
        raise ModelError(f"{card.id} belongs to {shown}, and says no commit of it; name it: --base {shown}@COMMIT")
    return name, revision


def _by_person(card: Card, base: str) -> tuple[str, str | None]:
    folder = encoders.folder_of(base) or Path(base)
    if folder.is_dir():
        return str(folder), None
    match = HUB_ID.fullmatch(base)
    if base.startswith(encoders.PREFIX) or match is None:
        raise ModelError(
            f"{base!r} is no directory here, no encoder of the sandbox and no hub id (org/name@commit); "
            f"{nearest(base, [*encoders.names(), *KNOWN_SHAPES])}"
        )
    name, revision = match.groups()
    return name, revision or (card.base.revision if name == card.base.name else None)
