"""MLQA across languages: a context in one of 7 languages, a question in another; trained on English SQuAD.

The names of the 42 pairs are context-question: `de-en` has a German context, an English question and a German answer.
Together with the 7 languages of `mlqa`, which share the training, they are the paper's generalised task. XTREME
averages only those 7. The English validation data serve for the selection of weights, as in `mlqa`.
"""

from __future__ import annotations

from itertools import permutations

from layover.tasks import HubSource, Task
from layover.tasks.mlqa import LANGUAGES, TEST, VALIDATION, files

PAIRS = {f"{context}-{question}": (context, question) for context, question in permutations(LANGUAGES, 2)}

# fmt: off
WITHOUT_ENGLISH = {
    "ar-de": (207, 1_649), "ar-es": (161, 1_978), "ar-hi": (186, 1_831), "ar-vi": (163, 2_047), "ar-zh": (188, 1_912),
    "de-es": (196, 1_776), "de-hi": (163, 1_430), "de-vi": (182, 1_675), "de-zh": (190, 1_621), "es-hi": (187, 1_723),
    "es-vi": (189, 2_018), "es-zh": (161, 1_947), "hi-vi": (177, 1_947), "hi-zh": (189, 1_767), "vi-zh": (184, 1_943),
}
# fmt: on
"""Pair of languages -> number of shared questions in validation and test, in either order; from the data set's card."""


def _count(split: str, context: str, question: str) -> int:
    """Return the number of questions of a pair; English has all questions."""
    if "en" in {context, question}:
        return {"validation": VALIDATION, "test": TEST}[split][question if context == "en" else context]
    both = WITHOUT_ENGLISH["-".join(sorted((context, question)))]
    return both[0 if split == "validation" else 1]


def _hub(split: str, pairs: dict[str, tuple[str, str]]) -> tuple[HubSource, ...]:
    configs = {language: f"MLQA.{context}.{question}" for language, (context, question) in pairs.items()}
    return (HubSource(path="google/xtreme", config=configs, split=split),)


SPLITS = {"validation": ("dev", {"en": ("en", "en"), **PAIRS}), "test": ("test", PAIRS)}

TASK = Task(
    name="mlqa_pairs",
    kind="span",
    summary="extractive question answering, question in another of 7 languages",
    stages=("target",),
    metrics=("mlqa_f1", "mlqa_em"),
    columns={"id": "id", "question": "question", "context": "context", "answers": "answers"},
    languages={split: tuple(pairs) for split, (_, pairs) in SPLITS.items()},
    train_task="squad",
    hub={split: _hub(split, pairs) for split, (_, pairs) in SPLITS.items()},
    files={
        split: tuple(file for language, pair in pairs.items() for file in files(name, *pair, (language,)))
        for split, (name, pairs) in SPLITS.items()
    },
    counts={
        split: {language: _count(split, *pair) for language, pair in pairs.items()}
        for split, (_, pairs) in SPLITS.items()
    },
    licence="CC-BY-SA-3.0",
    citation="Lewis, Oguz, Rinott, Riedel, Schwenk 2020, arXiv:1910.07475",
)
