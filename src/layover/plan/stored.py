"""The plan of a recipe beside a store, which remembers choices, hashes of files and facts about data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from layover.errors import ModelError
from layover.plan.build import build
from layover.plan.choices import Choices
from layover.plan.hub import unresolved_message
from layover.plan.nodes import Plan
from layover.recipe import Recipe
from layover.store import FileHashes, Memory
from layover.store.hashes import HASHES
from layover.store.memory import LABELS


@dataclass(frozen=True)
class StoredPlan:
    """A plan, and the facts that it read."""

    plan: Plan
    hashes: FileHashes
    labels: Memory

    def remember(self) -> None:
        """Keep the facts in the store, which must exist, for the next plan."""
        self.hashes.save()
        self.labels.save()


def plan_beside(recipe: Recipe, store: Path, *, provisional: bool = False) -> StoredPlan:
    """Return the plan of a recipe, with the choices of a store; nothing is written.

    Args:
        recipe: The checked recipe.
        store: The folder of the store; it may be absent.
        provisional: Whether keys may change, because hub commits are unknown.

    Raises:
        LayoverError: the recipe cannot be planned, or the commits that it needs are unknown.
    """
    hashes, labels = FileHashes(store / HASHES), Memory(store / LABELS)
    plan = build(recipe, hashes, memory=labels, choices=Choices(store))
    if plan.unresolved and not provisional:
        raise ModelError(unresolved_message(plan.unresolved))
    return StoredPlan(plan, hashes, labels)
