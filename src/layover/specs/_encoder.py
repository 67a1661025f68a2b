"""The pretrained encoder of a step: which files it is, and what a plan knows of it."""

from __future__ import annotations

from dataclasses import dataclass

from layover.canonical import Canonical, aside, later
from layover.errors import ModelError
from layover.families import family_of
from layover.layouts import Base
from layover.shape import Shape


@dataclass(frozen=True)
class TokenizerSpec(Canonical):
    """A tokenizer, by its serialised form or by the commit of a hub model that has one file for it."""

    hub: str | None = later(None)
    commit: str | None = later(None)
    unresolved: str | None = later(None, name="revision")
    """The revision, while its commit is not known."""
    serialised: str | None = later(None)
    """SHA-256 of the serialised form."""


@dataclass(frozen=True)
class EncoderSpec(Canonical):
    """A pretrained encoder, by the content of its files or by the commit of a hub model."""

    hub: str | None = later(None)
    commit: str | None = later(None)
    unresolved: str | None = later(None, name="revision")
    """The revision, while its commit is not known."""
    config: str | None = later(None)
    """SHA-256 of its config, where it lies in a folder."""
    weights: tuple[str, ...] = later(())
    """SHA-256 of the files of its weights, where it lies in a folder."""
    label: str = aside("")
    """Its name in the recipe."""
    source: str = aside("")
    """Directory or hub id, as `Encoder.load` takes it."""
    revision: str | None = aside(None)
    """Its commit, or the revision that the recipe names."""
    tokenizer: TokenizerSpec = aside(TokenizerSpec())
    shape: Shape | None = aside(None)
    """None where it is not known here."""
    model_type: str | None = aside(None)
    """Of its transformers config; None where nothing is known of it here."""
    longest: int | None = aside(None)
    """Tokens of the longest input it takes; None where that is not known here."""

    def base(self) -> Base:
        """Return what names and shapes of modules depend on.

        Raises:
            ModelError: it is not known here, or modules cannot attach to such an encoder.
        """
        if self.shape is None or self.model_type is None:
            raise ModelError(
                f"{self.source}: its config.json is not here, or names no model_type, so that no module can be held "
                "against it; run the recipe without imported modules once, or name a local directory"
            )
        family_of(self.model_type)
        return Base(self.model_type, self.shape)
