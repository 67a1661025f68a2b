"""Training: the loop, its settings, selection, checkpoints."""

from layover.errors import Stopped
from layover.training.course import Branch
from layover.training.loop import fit
from layover.training.results import Evaluation, FitResult, Measured, Progress, Seen
from layover.training.settings import LoopSettings, Schedule

__all__ = [
    "Branch",
    "Evaluation",
    "FitResult",
    "LoopSettings",
    "Measured",
    "Progress",
    "Schedule",
    "Seen",
    "Stopped",
    "fit",
]
