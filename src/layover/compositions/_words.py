"""The words with which a model card describes a composition."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CardWords:
    """The nouns for the parts of a composition."""

    own: str | None
    """The module that was trained on top, `LoRA`; None if only a head or nothing was trained."""
    below: str
    """The modules of the intermediates, `LoRA` or `LoRAs`."""
    several: bool
    """Whether there are several intermediates."""
    flat: bool
    """Whether all modules are joined into one."""

    @property
    def trained(self) -> str:
        """The noun for the part that was trained on top."""
        return self.own or "head"


@dataclass(frozen=True)
class SentenceWords(CardWords):
    """The nouns for a whole sentence, with names in Markdown."""

    encoder: str
    """`the frozen encoder ...`."""
    goal: str
    """The task of the last training."""
    learned: str
    """The tasks of the intermediates."""
    count: int
    """The number of trainings of intermediates."""
    untrained: bool
    """Whether nothing was trained on top, so that the head comes from an intermediate."""

    @property
    def start(self) -> str:
        """`a LoRA for the frozen encoder ...`."""
        return f"{a(self.trained)} for {self.encoder}"

    @property
    def intermediates(self) -> str:
        """`the LoRAs of mnli and squad`."""
        return f"the {self.below} of {self.learned}"


def a(noun: str) -> str:
    """Return a noun with its article."""
    return f"{'an' if noun[0] in 'AEIOaeio' else 'a'} {noun}"
