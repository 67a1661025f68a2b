"""The units of a step: a function of the seed and of the step number, so that there is no state to save."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from layover.data.features import Features
from layover.heads import Head
from layover.inference.hidden_states import HiddenStates
from layover.inference.order import Index, steps_of_epoch, turns_of_epoch
from layover.specs import Hyperparameters
from layover.training.progress import Seen


@dataclass(frozen=True, eq=False)
class Branch:
    """A training set and the head that learns from it; several branches may share a head."""

    name: str
    """Name of the task, for messages."""
    head: Head
    features: Features
    steps: int | None = None
    """Its steps per epoch; None: the steps of one pass over its data."""
    states: HiddenStates | None = None
    """Cached hidden states of the features' tokens, with which the encoder starts."""
    class_weights: npt.NDArray[np.float32] | None = None
    """Factor on the loss of each gold class, (the head's size,); None for equal weights."""

    def weight(self, units: Index) -> float:
        """Return the divisor of the summed loss of these units."""
        if self.class_weights is None:
            return self.head.weight(self.features, units)
        return float(self.class_weights[self.head.classes(self.features, units)].sum(dtype=np.float64))


class DataOrder:
    """The order of the units: the branches take turns, and each step belongs to one branch.

    The turns are shuffled in each epoch. A branch goes through its own data pass after pass, independent of its steps
    per epoch: the rest of a pass continues in the next epoch. With a single branch an epoch is a pass.
    """

    def __init__(self, branches: Sequence[Branch], hyperparameters: Hyperparameters) -> None:
        self._branches, self._hyperparameters = branches, hyperparameters
        self._passes = [math.ceil(branch.features.units / hyperparameters.batch) for branch in branches]
        lengths = zip(branches, self._passes, strict=True)
        self._steps = [once if branch.steps is None else branch.steps for branch, once in lengths]
        self.steps_per_epoch = sum(self._steps)
        self._turns: tuple[int, Index] = (-1, np.empty(0, np.int64))
        self._pass: dict[int, tuple[int, list[Index]]] = {}

    def turn(self, step: int) -> int:
        """Return the index of the branch of a step."""
        epoch, place = divmod(step, self.steps_per_epoch)
        return int(self._turns_of(epoch)[place])

    def units(self, step: int) -> Index:
        """Return the units of a step."""
        branch = self.turn(step)
        number, place = divmod(self._done(branch, step), self._passes[branch])
        return self._pass_of(branch, number)[place]

    def seen(self, steps: int) -> tuple[Seen, ...]:
        """Return the data that each branch has seen in the first steps."""
        seen = []
        for place, branch in enumerate(self._branches):
            done = self._done(place, steps)
            passes, rest = divmod(done, self._passes[place])
            begun = self._pass_of(place, passes)[:rest] if rest else []
            seen.append(Seen(done, passes * branch.features.units + sum(map(len, begun))))
        return tuple(seen)

    def _done(self, branch: int, steps: int) -> int:
        """Return the number of the branch's steps among the first steps."""
        epochs, rest = divmod(steps, self.steps_per_epoch)
        begun = int((self._turns_of(epochs)[:rest] == branch).sum()) if rest else 0
        return epochs * self._steps[branch] + begun

    def _turns_of(self, epoch: int) -> Index:
        if self._turns[0] != epoch:
            self._turns = (epoch, turns_of_epoch(self._steps, seed=self._hyperparameters.seed, epoch=epoch))
        return self._turns[1]

    def _pass_of(self, branch: int, number: int) -> list[Index]:
        known = self._pass.get(branch)
        if known is None or known[0] != number:
            order, features = self._hyperparameters, self._branches[branch].features
            steps = steps_of_epoch(features, batch=order.batch, seed=order.seed, epoch=number, bucket=order.bucket)
            known = self._pass[branch] = (number, steps)
        return known[1]
