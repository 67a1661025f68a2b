"""Supertagging: a category of combinatory categorial grammar for every word.

The other languages have categories that English lacks (a verb at the end of a sentence has its object on the left).
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks.sandbox._made import made

# fmt: off
CATEGORIES = (
    r",", r".", r"N", r"S", r"AP", r"NP", r"PP", r"N/N", r"N\N", r"S/S", r"S\S", r"X/X", r"AP/N", r"NP/N", r"PP/N",
    r"S/AP", r"S/NP", r"S/PP", r"S\NP", r"S\PP", r"AP/NP", r"AP\NP", r"NP/NP", r"PP/NP", r"PP\NP", r"(S/S)/N",
    r"(S\S)/N", r"(S\S)/S", r"(S/S)/NP", r"(S/S)\NP", r"(S\S)/NP", r"(S/AP)/NP", r"(S/NP)/AP", r"(S/NP)/NP",
    r"(S/NP)/PP", r"(S/PP)/NP", r"(S\NP)/AP", r"(S\NP)/NP", r"(S\NP)/PP", r"(S\NP)\AP", r"(S\NP)\NP", r"(S\NP)\PP",
    r"(S\PP)/NP", r"(S\PP)\NP", r"(AP\AP)/NP", r"S[wq]/S[q]", r"(S\NP)/(S\NP)", r"(S\NP)\(S\NP)", r"((S/NP)/PP)/NP",
    r"((S/PP)/NP)/NP", r"((S\NP)/NP)/AP", r"((S\NP)/NP)/PP", r"((S\NP)/PP)/NP", r"((S\NP)\NP)/PP",
    r"((S\NP)\NP)\PP", r"((S\NP)\PP)/NP", r"((S\NP)\PP)\NP",
)
# fmt: on

TASK = made(
    "ccg",
    kind="tagging",
    summary="supertagging",
    layout=FileLayout(format="conll", header=("tokens", "categories")),
    labels=CATEGORIES,
    metrics=("token_accuracy",),
    columns={"tokens": "tokens", "tags": "categories"},
)
