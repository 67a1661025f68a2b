"""Sections of a recipe that say what is scored, and how the report treats it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from layover.objectives import Attack
from layover.settings import RecipeSection, Seed

Languages = Literal["all"] | Annotated[tuple[str, ...], Field(min_length=1)]


def _perturbations(value: object) -> object:
    """Refuse perturbations that are no list, or that a list has twice."""
    if isinstance(value, str):
        raise ValueError(f"{value!r} is not a list; write [{value}]")  # noqa: TRY004 - pydantic needs a ValueError
    if isinstance(value, list) and len(set(map(str, value))) < len(value):
        raise ValueError(f"[{', '.join(map(str, value))}] has a perturbation twice; remove one")
    return value


Perturbations = Annotated[tuple[str, ...], BeforeValidator(_perturbations)]
"""Perturbations with their rates, `typos-10`."""


def _attack(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not an attack; write fgsm-0.1")  # noqa: TRY004 - pydantic needs a ValueError
    return Attack.of(value).label


Attacks = Annotated[tuple[Annotated[str, BeforeValidator(_attack)], ...], BeforeValidator(_perturbations)]
"""Attacks with their radii, `fgsm-0.1`."""


class TaskEval(RecipeSection):
    """Split, languages, perturbations and attacks that are evaluated for one task; see `Eval`."""

    split: Literal["validation", "test"] | None = None
    languages: Languages | None = None
    perturb: Perturbations | None = None
    """Instead of `eval.perturb`; an empty list scores only the unchanged texts."""
    attack: Attacks | None = None
    """Instead of `eval.attack`."""


class Eval(RecipeSection):
    """Split, languages, perturbations and attacks that are evaluated for every target."""

    split: Literal["validation", "test"] = "test"
    languages: Languages = "all"
    """For a task of XTREME, `all` means XTREME's languages; a language that XTREME-R added must be named."""
    perturb: Perturbations = ()
    """Perturbed test sets, scored beside the unchanged texts: `[typos-10, words-10]`."""
    perturb_seed: Seed = 1
    """The seed of all random changes; every cell has the same perturbed test sets."""
    attack: Attacks = ()
    """Attacks on the embeddings of the test inputs that know the gold: `[fgsm-0.1, pgd-0.1]`."""


class Report(RecipeSection):
    """How the report treats the results; it changes no result."""

    family: tuple[Literal["model", "method", "intermediate", "target"], ...] = ("target",)
    """Comparisons that are equal in these axes are one family: their p-values are adjusted together. An empty list
    makes one family of all comparisons."""

    @field_validator("family", mode="before")
    @classmethod
    def _axes(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError(f"{value!r} is not a list; write [{value}]")  # noqa: TRY004 - pydantic needs a ValueError
        if isinstance(value, list) and len(set(map(str, value))) < len(value):
            raise ValueError(f"[{', '.join(map(str, value))}] has an axis twice; remove one")
        return value
