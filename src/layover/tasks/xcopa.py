"""XCOPA: which of two sentences is the cause or the effect of a third one, in 11 languages; trained on English COPA.

The question stays English in every language, as in XTREME-R.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

LANGUAGES = ("et", "ht", "id", "it", "qu", "sw", "ta", "th", "tr", "vi", "zh")
JSONL = FileLayout(format="jsonl")


def _copa(split: str) -> HubSource:
    """Return the English data: COPA of SuperGLUE."""
    return HubSource(path="aps/super_glue", config="copa", split=split, languages=("en",))


def _xcopa(split: str) -> HubSource:
    return HubSource(path="cambridgeltl/xcopa", config="{language}", split=split, languages=LANGUAGES)


def _english(split: str) -> tuple[FileSource, ...]:
    """Return COPA's files, in the layouts of XCOPA and SuperGLUE."""
    paths = (f"copa/{split}-en.jsonl", f"COPA/{split}.jsonl")
    return tuple(FileSource(path=path, layout=JSONL, languages=("en",)) for path in paths)


def _translated(split: str) -> tuple[FileSource, ...]:
    paths = (f"xcopa/{split}.{{language}}.jsonl", f"xcopa/{{language}}/{split}.{{language}}.jsonl")
    return tuple(FileSource(path=path, layout=JSONL, languages=LANGUAGES) for path in paths)


TASK = Task(
    name="xcopa",
    kind="choice",
    summary="causal reasoning, 11 languages",
    metrics=("accuracy",),
    columns={
        "first": "{premise} What was the {question}?",
        "choices": ("choice1", "choice2"),
        "label": "label",
    },
    languages={"train": ("en",), "validation": ("en", *LANGUAGES), "test": LANGUAGES},
    hub={
        "train": (_copa("train"),),
        "validation": (_copa("validation"), _xcopa("validation")),
        "test": (_xcopa("test"),),
    },
    files={
        "train": _english("train"),
        "validation": (*_english("val"), *_translated("val")),
        "test": _translated("test"),
    },
    counts={"train": 400, "validation": 100, "test": 500},
    licence="CC-BY-4.0; COPA: BSD-2-Clause",
    citation="Ponti et al. 2020, arXiv:2005.00333; COPA: Roemmele, Bejan, Gordon 2011",
)
