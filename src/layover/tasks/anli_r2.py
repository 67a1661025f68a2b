"""ANLI, round 2 of the test: natural language inference that people wrote against a model; trained on MultiNLI."""

from __future__ import annotations

from layover.tasks._anli_round import round_task

TASK = round_task(2, count=1_000)
