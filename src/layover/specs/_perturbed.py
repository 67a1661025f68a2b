"""The perturbation of a test set: its part of the specification of tokenized data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from layover import perturbations
from layover.canonical import Canonical, Through, later
from layover.perturbations import Perturbation, Perturber

AnyPerturbation = Annotated[Perturbation, Through(perturbations.parse)]


@dataclass(frozen=True)
class PerturbedTexts(Canonical):
    """How the texts of a test set are changed."""

    perturbation: AnyPerturbation
    seed: int
    language: str
    """The language of the texts, which decides some changes and all random numbers."""
    outside: tuple[str, ...] = later(())
    """tagging: the tags of words that may change; empty if words of every tag may."""

    def perturber(self) -> Perturber:
        """Return what changes the texts."""
        return Perturber(self.perturbation, self.seed, self.language, self.outside)
