"""The base of all checks: a check, its stage and the package that it examines."""

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
    """A check cannot run here, for the reason in the message; it neither fails nor passes."""


class Stage(IntEnum):
    """The stage of a check; the check runs only if no check of an earlier stage failed."""

    FILES = 0
    """Compares names and sizes."""
    CONTENT = 1
    """Reads files, which are not trusted."""
    ENCODER = 2
    """Reads the encoder."""
    COMPUTING = 3
    """Loads encoder and package, and computes."""
    LIBRARIES = 4
    """Loads them in another library, and computes."""


@dataclass(frozen=True)
class Subject:
    """A package under examination."""

    folder: Path
    card: Card
    others: tuple[Path, ...] = ()
    """Folders of packages that it may need, in addition to the folders next to it."""
    base: str | None = None
    """The encoder that the user names, if any."""

    @cached_property
    def package(self) -> Package:
        """The package without the packages that it needs."""
        return Package(self.folder, self.card)

    @cached_property
    def whole(self) -> Package:
        """The package with the packages that it needs."""
        return with_needed(self.package, self.others)

    @cached_property
    def encoder(self) -> tuple[str, str | None]:
        """Directory or hub id of its encoder, with the commit.

        Raises:
            SkippedError: no encoder may be loaded, or the encoder is not available.
            ModelError: the user named something that is no encoder.
        """
        from layover.encoder.files import config_file, weight_files
        from layover.plan import tokenizers

        try:
            source = encoder_for(self.card, self.base)
        except ModelError as error:
            if self.base is not None:
                raise
            raise SkippedError(str(error)) from None
        try:
            config_file(*source)
            weight_files(*source)
            tokenizers.load(*source)
        except (ModelError, OSError) as error:
            reason = f"{self.called} is not available: {error}"
            raise (SkippedError(reason) if self.base is None else ModelError(reason)) from None
        return source

    @property
    def called(self) -> str:
        """The name of its encoder, as the user or the card gives it."""
        commit = "" if self.card.base.revision is None else f"@{self.card.base.revision}"
        return printable(self.base or f"{self.card.base.name}{commit}")


@dataclass(frozen=True)
class Check:
    """A check: one line in the output of `verify`."""

    name: str
    run: Callable[[Subject], str]
    """Returns a text on the comparison; raises a `LayoverError` if it fails, or `SkippedError`."""
    stage: Stage
    proves: tuple[str, ...] = ()
    """Fields of the card that this check computes again. A field is right if all checks that name it pass."""
