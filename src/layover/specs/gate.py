"""gate: the settings of a training of gates, in addition to the training that gets the gates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from layover.specs._spec import StepSpec


@dataclass(frozen=True, kw_only=True)
class GateSpec(StepSpec):
    """The gates of a finished training, trained on its own tasks; its module and heads stay frozen."""

    step: ClassVar[str] = "gate"
    order: ClassVar[int] = 60
    version: ClassVar[int] = 1
    resumable: ClassVar[bool] = True
    encodes: ClassVar[bool] = True

    train: str
    """Key of the finished training."""
    steps: int
    lr: float


SPEC = GateSpec
