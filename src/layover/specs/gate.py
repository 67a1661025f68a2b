"""gate: what is known of the training of gates beside the training whose gates they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from layover.specs._spec import StepSpec


@dataclass(frozen=True, kw_only=True)
class GateSpec(StepSpec):
    """The gates of one finished training, trained on its own tasks while its module and heads stay as they are."""

    step: ClassVar[str] = "gate"
    order: ClassVar[int] = 60
    version: ClassVar[int] = 1
    resumable: ClassVar[bool] = True
    encodes: ClassVar[bool] = True

    train: str
    """Key of that training."""
    steps: int
    lr: float


SPEC = GateSpec
