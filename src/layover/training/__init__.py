"""Training: the loop, its schedule, the selection of weights, checkpoints."""

from layover.errors import Stopped
from layover.training.branches import Branch
from layover.training.loop import fit
from layover.training.progress import Evaluation, FitResult, Judge, Measured, Progress, Seen
from layover.training.schedule import Schedule

__all__ = [
    "Branch",
    "Evaluation",
    "FitResult",
    "Judge",
    "Measured",
    "Progress",
    "Schedule",
    "Seen",
    "Stopped",
    "fit",
]
