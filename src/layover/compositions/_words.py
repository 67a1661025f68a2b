"""What a model card says of a composition: the words that it is given, and those that it is made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CardWords:
    """What a model card calls all that takes part in a composition."""

    own: str | None
    """The module that was trained on top, `LoRA`; None where a head alone was, or nothing."""
    below: str
    """The modules of the intermediates, `LoRA` or `LoRAs`."""
    several: bool
    """Whether there are several of them."""
    flat: bool
    """Whether all are put together into one."""

    @property
    def trained(self) -> str:
        """What was trained on top of everything else."""
        return self.own or "head"


@dataclass(frozen=True)
class SentenceWords(CardWords):
    """The same for whole sentences, with names in Markdown."""

    encoder: str
    """`the frozen encoder ...`."""
    goal: str
    """What was learned last."""
    learned: str
    """What the intermediates have learned."""
    count: int
    """How many trainings these were."""
    untrained: bool
    """Whether nothing was trained on top, so that the head is an intermediate's."""

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
