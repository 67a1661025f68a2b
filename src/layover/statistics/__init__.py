"""Statistics of differences between cells: over trainings and over test items, and over families of comparisons.

docs/statistics.md has the formulas, the sources and a calibration.
"""

from layover.statistics.differences import Component, Difference, SeedScores, paired, unpaired
from layover.statistics.families import CONFIDENCE, ENOUGH_SEEDS, Finding, family
from layover.statistics.items import GROUPS, contributions, slots

__all__ = [
    "CONFIDENCE",
    "ENOUGH_SEEDS",
    "GROUPS",
    "Component",
    "Difference",
    "Finding",
    "SeedScores",
    "contributions",
    "family",
    "paired",
    "slots",
    "unpaired",
]
