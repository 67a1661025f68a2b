"""Objectives with settings under which they differ from the plain loss from the first step on, in tiny models."""

from __future__ import annotations

from layover import objectives
from layover.objectives import Objective

STRONG = {
    "fgm": {"radius": 0.5},
    "fgsm": {"radius": 0.01, "warmup_epochs": 0.0},
    "pgd": {"radius": 0.5, "step": 0.3},
    "freelb": {"radius": 0.5, "step": 0.3, "steps": 3},
    "smart": {"radius": 0.5, "sigma": 0.01, "step": 0.1, "weight": 100.0},
    "r3f": {"radius": 0.5, "weight": 100.0},
    "smoothing": {"radius": 0.5},
}
"""Name -> settings; the other objectives act with their own."""


def acting(name: str, **settings: object) -> Objective:
    """Return an objective that changes the weights of a tiny model more than rounding does."""
    return objectives.get(name)(**{**STRONG.get(name, {}), **settings})


def others() -> list[str]:
    """Return the names of all objectives but the plain loss."""
    return [name for name in objectives.names() if name != "plain"]
