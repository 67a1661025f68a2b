"""Attacks: perturbations of the embeddings of test inputs along the gradient of their gold loss."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal, Self

from layover.canonical import Canonical
from layover.objectives._base import Objective, StepPasses
from layover.objectives.fgsm import Fgsm
from layover.objectives.pgd import Pgd

STEPS = 10
"""Gradient steps of `pgd`."""
REACH = 2.5
"""Length of all steps of `pgd` together, in radii, so that a step can leave the surface of the ball and return."""

_LABEL = re.compile(r"(fgsm|pgd)-(\d{1,3}(?:\.\d{1,4})?)")


@dataclass(frozen=True)
class Attack(Canonical):
    """A white-box attack on a model: it knows the weights and the gold answer."""

    name: Literal["fgsm", "pgd"]
    """One step of the sign, or ten steps within a ball."""
    radius: float
    """Share of the root mean square of the word embeddings of a row."""

    @classmethod
    def of(cls, label: str) -> Self:
        """Return the attack of a label: `fgsm-0.1`, `pgd-0.25`.

        Raises:
            ValueError: the label has another form.
        """
        match = _LABEL.fullmatch(label)
        if match is None or float(match[2]) == 0:
            raise ValueError(
                f"{label!r} is no attack; write fgsm or pgd, a hyphen and a radius above 0 as a share of the size of "
                "the word embeddings: fgsm-0.1"
            )
        return cls("fgsm" if match[1] == "fgsm" else "pgd", float(match[2]))

    @property
    def label(self) -> str:
        """The name with the radius, `fgsm-0.1`."""
        return f"{self.name}-{self.radius:g}"

    def objective(self) -> Objective:
        """Return the objective whose last pass is the attacked one."""
        if self.name == "fgsm":
            return Fgsm(radius=self.radius, relative=True, warmup_epochs=0.0, reductions=0)
        step = REACH * self.radius / STEPS
        return Pgd(radius=self.radius, relative=True, steps=STEPS, step=step, init=self.radius)

    def passes(self) -> tuple[StepPasses, ...]:
        """Return the passes over each input; none has a gradient for the weights."""
        return tuple(replace(passes, weights=False) for passes in self.objective().passes(1.0))
