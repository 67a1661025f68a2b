"""Sweeps of known truth, to see how often the statistics of a report are right: no intermediate changes anything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from layover.statistics import GROUPS, Difference, SeedScores, family, paired


@dataclass(frozen=True)
class Setting:
    """The size of a sweep, and what its scores vary over."""

    seeds: int
    ratio: float
    """Variance over trainings divided by variance over items, of the mean of a difference."""
    methods: int = 4
    intermediates: int = 3
    unequal: float = 0.0
    """Standard deviation of the logarithm of the variation over trainings, between methods."""
    both: float = 0.5
    """Variance of items within trainings divided by the variance over items, of the mean of a difference."""


def simulated(setting: Setting, random: np.random.Generator) -> list[Difference]:
    """Return the differences of each intermediate to none, for each method; each is 0 in truth.

    A score is the sum of effects of training, of item, and of both. The cells of a method share its cell without an
    intermediate.
    """
    cells = setting.methods, setting.intermediates + 1
    scale = np.exp(setting.unequal * random.normal(size=(setting.methods, 1, 1)))
    trainings = scale * random.normal(size=(*cells, setting.seeds)) * np.sqrt(setting.ratio * setting.seeds / 2)
    items = random.normal(size=(*cells, 1, GROUPS)) * np.sqrt(GROUPS / 2)
    both = random.normal(size=(*cells, setting.seeds, GROUPS)) * np.sqrt(setting.both * GROUPS / 2)
    values = trainings[..., None] + items + both
    means = values.mean(axis=-1)
    parts = (values - means[..., None]) / GROUPS
    scores = [
        [SeedScores(seeds, contributed) for seeds, contributed in zip(*pair, strict=True)]
        for pair in zip(means, parts, strict=True)
    ]
    return [paired([(1, cell), (-1, none)]) for none, *others in scores for cell in others]


@dataclass(frozen=True)
class Rates:
    """How often the statistics were right, each a share."""

    coverage: float
    """Intervals that contain the true difference, 0."""
    false_marks: float
    """Families with at least one mark."""


def rates(setting: Setting, *, families: int, seed: int = 0) -> Rates:
    """Return the rates over so many simulated families."""
    random = np.random.default_rng(seed)
    covered, marked = [], 0
    for _ in range(families):
        findings = family(simulated(setting, random))
        covered += [low <= 0 <= high for each in findings if each.interval for low, high in [each.interval]]
        marked += any(each.mark != "open" for each in findings)
    return Rates(float(np.mean(covered)), marked / families)
