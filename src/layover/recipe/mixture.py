"""A mixture in the recipe: tasks that are learned together, as one intermediate."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from layover.settings import Count, Epochs, Factor, SamplingTemperature


class Mixture(BaseModel):
    """One module for several tasks, and a head for each of them, shared where outputs are the same."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tasks: tuple[str, ...]
    sampling: Literal["proportional", "uniform", "temperature"] = "proportional"
    """Steps in proportion to the sizes n, equally many for each task, or in proportion to n^(1 / temperature)."""
    temperature: SamplingTemperature | None = None
    cap: Count | None = None
    """Of a task's training units at most so many count, for the sizes and for the length of an epoch."""
    weights: dict[str, Factor] = Field(default_factory=dict)
    """Factors on the tasks' shares; 1 where none is given."""
    epochs: Epochs | None = None
    """Those of `train` when not given, as the batch; without these the default of the module."""
    batch: Count | None = None

    def exponent(self) -> float:
        """Return the power of a size that a share is in proportion to."""
        if self.sampling == "temperature" and self.temperature is not None:
            return 1 / self.temperature
        return 0.0 if self.sampling == "uniform" else 1.0
