"""Training: the loop, its settings, selection, checkpoints."""

from layover.batches import Execution
from layover.training.loop import Stopped, fit
from layover.training.results import Evaluation, FitResult, Measured, Progress
from layover.training.settings import LoopSettings, Schedule

__all__ = [
    "Evaluation",
    "Execution",
    "FitResult",
    "LoopSettings",
    "Measured",
    "Progress",
    "Schedule",
    "Stopped",
    "fit",
]
