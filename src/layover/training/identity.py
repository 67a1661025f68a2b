"""How a training tells itself from others: it resumes from its own checkpoints alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from layover.identity import key_of
from layover.objectives import Objective
from layover.specs import Hyperparameters
from layover.training.branches import Branch
from layover.training.progress import Judge


def identity_of(
    hyperparameters: Hyperparameters,
    objective: Objective,
    judge: Judge | None,
    branches: Sequence[Branch],
    weights: Mapping[str, Tensor],
    folder: str,
) -> str:
    """Return the hash of a training before its first step: what it does, its data, and the weights it starts from.

    Args:
        hyperparameters: As the rest, what `fit` was given.
        objective: With its settings.
        judge: How the best weights are chosen.
        branches: Data, and how they take turns.
        weights: Those that train, on the CPU.
        folder: Of the checkpoints; it has the name of the node, whose key knows the frozen weights below, too.
    """
    data = [_data(branch) for branch in branches]
    if len(branches) > 1:
        heads = list(dict.fromkeys(branch.head for branch in branches))
        for values, branch in zip(data, branches, strict=True):
            values |= {"steps": branch.steps, "head": heads.index(branch.head)}
    return key_of(
        {
            "hyperparameters": hyperparameters.canonical(),
            "objective": objective.canonical(),
            "judge": None if judge is None else judge.identity(),
            "branches": data,
            "weights": {name: [list(weight.shape), _digest(weight.numpy())] for name, weight in weights.items()},
            "folder": folder,
        }
    )


def _data(branch: Branch) -> dict[str, Any]:
    features = branch.features
    return {
        "group": features.group,
        "hidden_percent": features.hidden_percent,
        "arrays": {name: _digest(array) for name, array in features.arrays.items()},
        **({} if branch.class_weights is None else {"class_weights": _digest(branch.class_weights)}),
    }


def _digest(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).view(np.uint8).data).hexdigest()
