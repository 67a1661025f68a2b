"""MultiEURLEX: the subjects of EU laws, EUROVOC's 21 concepts of level 1, in 23 languages; for legal transfer.

The splits follow the dates of the laws. A law that does not exist in a language is left out there, as in the official
loader. The paper scores R-precision of ranked labels; this task scores labels, as LexGLUE does for its English task.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

LANGUAGES = (
    *("bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "hr", "hu"),
    *("it", "lt", "lv", "mt", "nl", "pl", "pt", "ro", "sk", "sl", "sv"),
)
LABELS = (
    *("100149", "100160", "100148", "100147", "100152", "100143", "100156"),
    *("100158", "100154", "100153", "100142", "100145", "100150", "100162"),
    *("100159", "100144", "100151", "100157", "100161", "100146", "100155"),
)
"""Labels in the order of the numbers on the hub and in the official loader."""
DOMAINS = (
    *("politics", "international relations", "European Union", "law", "economics", "trade", "finance"),
    *("social questions", "education and communications", "science", "business and competition"),
    *("employment and working conditions", "transport", "environment", "agriculture, forestry and fisheries"),
    *("agri-foodstuffs", "production, technology and research", "energy", "industry", "geography"),
    "international organisations",
)
"""EUROVOC's domains in the order of their numbers, from 100142 on."""
LAYOUT = FileLayout(format="multi_eurlex")


def _hub(split: str) -> tuple[HubSource, ...]:
    return (HubSource(path="mteb/eurlex-multilingual", config="{language}", split=split),)


def _file(name: str) -> tuple[FileSource, ...]:
    """Return the file of the official archive, all languages in one."""
    return (
        FileSource(
            path=f"multi_eurlex/{name}.jsonl",
            layout=LAYOUT,
            columns={"first": "text", "label": "level_1"},
            where={"language": "{language}"},
            languages=LANGUAGES,
        ),
    )


TASK = Task(
    name="multi_eurlex",
    kind="multilabel",
    summary="subjects of EU laws, 23 languages",
    labels=LABELS,
    meanings=dict(zip(sorted(LABELS), DOMAINS, strict=True)),
    metrics=("micro_f1", "multilabel_macro_f1"),
    columns={"first": "text", "label": "label"},
    languages={"train": ("en",), "validation": LANGUAGES, "test": LANGUAGES},
    hub={split: _hub(split) for split in ("train", "validation", "test")},
    files={"train": _file("train"), "validation": _file("dev"), "test": _file("test")},
    counts={
        "train": {"en": 55_000},
        "validation": {**dict.fromkeys(LANGUAGES, 5_000), "hr": 2_500},
        "test": 5_000,
    },
    licence="CC-BY-SA-4.0; the texts CC-BY-4.0, European Union",
    citation="Chalkidis, Fergadiotis, Androutsopoulos 2021, arXiv:2109.00904",
)
