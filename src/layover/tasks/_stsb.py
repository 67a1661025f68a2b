"""What the tasks of the STS benchmark share: 8,628 pairs of sentences, and how similar people find them, 0 to 5."""

from __future__ import annotations

from layover.identity import Json

OPTIONS: dict[str, Json] = {"range": [0.0, 5.0]}
METRICS = ("pearson", "spearman")
COUNTS = {"train": 5_749, "validation": 1_500, "test": 1_379}
CITATION = "Cer, Diab, Agirre, Lopez-Gazpio, Specia 2017, SemEval-2017 Task 1, arXiv:1708.00055"
