"""What scoring gives before it is a record."""

from __future__ import annotations

from dataclasses import dataclass, field

from layover.label_counts import Counts
from layover.records import LabelThreshold, NoAnswerThresholds, Retrieved

Scores = dict[str, float]
"""Metric -> value."""


@dataclass
class Outcome:
    """The scores of one cell, language by language."""

    languages: dict[str, Scores | None]
    """None without scores; `missing` says why."""
    missing: dict[str, str]
    examples: dict[str, int] = field(default_factory=dict)
    no_answer: NoAnswerThresholds | None = None
    threshold: LabelThreshold | None = None
    retrieval: Retrieved | None = None
    counts: dict[str, Counts] = field(default_factory=dict)
    """Of the labels, by language, where answers are labels."""
