"""What a training tells while it runs and when it is done."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Progress:
    """Where a training stands, after a step."""

    done: int
    """Finished steps."""
    total: int
    epoch: float
    loss: float | None
    """Of the last step that is known; on an accelerator it arrives some steps late."""
    lr: float

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a display."""
        return {**asdict(self), "unit": "steps"}


@dataclass(frozen=True)
class Evaluation:
    """The weights after a step, as they were judged."""

    step: int
    """Finished steps."""
    epoch: float
    loss: float | None
    """Mean over the training steps since the last evaluation; None when none of them had gold."""
    metrics: dict[str, float]
    """Empty when nothing evaluates."""


@dataclass(frozen=True)
class Seen:
    """What one branch of a training was trained on."""

    steps: int
    units: int
    """Each counted as often as it came."""


@dataclass
class Measured:
    """What differs from run to run: times, and how the work was cut. Counted in this process only."""

    seconds: dict[str, float] = field(default_factory=dict)
    """Of `training`, `evaluation` and `checkpoints`."""
    tokens: int = 0
    """Real tokens trained on."""
    padded_tokens: int = 0
    micro_tokens: int = 0
    """Padded tokens allowed at once at the end."""
    resumed_at: int | None = None
    """Steps that a checkpoint had done before."""
    notes: list[str] = field(default_factory=list)
    """What happened and is worth knowing: memory ran out, a checkpoint was of no use."""

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True)
class FitResult:
    """A finished training; the weights are in the encoder and the head."""

    steps: int
    """Finished steps."""
    planned_steps: int
    best_step: int | None
    """After how many steps the weights that were kept stood; None when nothing selected and the last were kept."""
    criterion: str | None
    stopped_early: bool
    history: tuple[Evaluation, ...]
    curve_every: int
    """Steps of a point of the curve."""
    curve: tuple[float, ...]
    """Mean training losses, one after the other; steps without gold do not count."""
    seen: tuple[Seen, ...]
    """By branch, until the weights that were kept."""
    measured: Measured

    def as_json(self) -> dict[str, Any]:
        """Return the outcome, the same in every run of the same training; `measured` is not in it."""
        return {
            "steps": self.steps,
            "planned_steps": self.planned_steps,
            "best_step": self.best_step,
            "criterion": self.criterion,
            "stopped_early": self.stopped_early,
            "history": [asdict(one) for one in self.history],
            "loss_curve": {"every": self.curve_every, "losses": list(self.curve)},
        }
