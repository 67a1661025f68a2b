"""What every check is, and what it looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from pathlib import Path

from layover.errors import ModelError, printable
from layover.inference.encoders import encoder_for
from layover.packages.card import Card
from layover.packages.package import Package, with_needed


class SkippedError(Exception):
    """A check cannot be made here; says why. No failure, and no success."""


class Stage(IntEnum):
    """How far a check goes. It is made only where none of an earlier stage failed."""

    FILES = 0
    """Looks at names and sizes."""
    CONTENT = 1
    """Reads files, as those of a stranger."""
    ENCODER = 2
    """Reads the encoder."""
    COMPUTING = 3
    """Loads encoder and package, and computes."""
    LIBRARIES = 4
    """Does so in another library."""


@dataclass(frozen=True)
class Subject:
    """A package under examination."""

    folder: Path
    card: Card
    others: tuple[Path, ...] = ()
    """Folders of packages that it may need, beside those that lie beside it."""
    base: str | None = None
    """The encoder, where a person names it."""

    @cached_property
    def package(self) -> Package:
        """The package with none of those that it needs."""
        return Package(self.folder, self.card)

    @cached_property
    def whole(self) -> Package:
        """The package with those that it needs."""
        return with_needed(self.package, self.others)

    @cached_property
    def encoder(self) -> tuple[str, str | None]:
        """Directory or hub id of its encoder, with the commit.

        Raises:
            SkippedError: none may be loaded, or it is not at hand.
            ModelError: a person named something that is none.
        """
        from layover.encoder.files import config_file, weight_files
        from layover.plan import tokenizers

        try:
            found = encoder_for(self.card, self.base)
        except ModelError as error:
            if self.base is not None:
                raise
            raise SkippedError(str(error)) from None
        try:
            config_file(*found)
            weight_files(*found)
            tokenizers.load(*found)
        except (ModelError, OSError) as error:
            reason = f"{self.called} is not at hand: {error}"
            raise (SkippedError(reason) if self.base is None else ModelError(reason)) from None
        return found

    @property
    def called(self) -> str:
        """What its encoder is called where it is loaded from: as the person or the card says."""
        commit = "" if self.card.base.revision is None else f"@{self.card.base.revision}"
        return printable(self.base or f"{self.card.base.name}{commit}")


@dataclass(frozen=True)
class Check:
    """One line of what `verify` says."""

    name: str
    run: Callable[[Subject], str]
    """Returns what was compared and found; raises a `LayoverError` where it is wrong, or `SkippedError`."""
    stage: Stage
    proves: tuple[str, ...] = ()
    """Fields of the card that are computed again here. They are right where this check passes, and all others that name
    them."""
