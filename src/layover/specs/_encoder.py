"""The pretrained encoder of a step: its files, and the facts that a plan knows about it."""

from __future__ import annotations

from dataclasses import dataclass

from layover.canonical import Canonical, aside, later
from layover.errors import ModelError
from layover.families import family_of
from layover.layouts import Base
from layover.shape import Shape


@dataclass(frozen=True)
class TokenizerSpec(Canonical):
    """A tokenizer, by its serialised form or by the commit of a hub model with a single tokenizer file."""

    hub: str | None = later(None)
    commit: str | None = later(None)
    unresolved: str | None = later(None, name="revision")
    """The revision, as long as its commit is unknown."""
    serialised: str | None = later(None)
    """SHA-256 of the serialised form."""


@dataclass(frozen=True)
class EncoderSpec(Canonical):
    """A pretrained encoder, by the content of its files or by the commit of a hub model."""

    hub: str | None = later(None)
    commit: str | None = later(None)
    unresolved: str | None = later(None, name="revision")
    """The revision, as long as its commit is unknown."""
    config: str | None = later(None)
    """SHA-256 of its config, if it is in a folder."""
    weights: tuple[str, ...] = later(())
    """SHA-256 of the files of its weights, if it is in a folder."""
    label: str = aside("")
    """Its name in the recipe."""
    source: str = aside("")
    """Directory or hub id, as `Encoder.load` takes it."""
    revision: str | None = aside(None)
    """The commit, or the revision that the recipe names."""
    tokenizer: TokenizerSpec = aside(TokenizerSpec())
    shape: Shape | None = aside(None)
    """None if unknown."""
    model_type: str | None = aside(None)
    """The model type in its transformers config; None if unknown."""
    longest: int | None = aside(None)
    """Tokens of its longest input; None if unknown."""

    def base(self) -> Base:
        """Return the model type and the shape, on which names and shapes of modules depend.

        Raises:
            ModelError: they are unknown, or modules cannot attach to this type of encoder.
        """
        if self.shape is None or self.model_type is None:
            raise ModelError(
                f"{self.source}: its config.json is absent or names no model_type, so no module can be checked against "
                "it; run the recipe without imported modules once, or name a local directory"
            )
        family_of(self.model_type)
        return Base(self.model_type, self.shape)
