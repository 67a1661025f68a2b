"""PAN-X (WikiAnn): person, organisation and place names in 48 languages, with XTREME's splits.

XTREME scores 40 of them. XTREME-R added az, gu, lt, pa, pl, qu, ro and uk: a recipe can name them,
`eval: {languages: [az, qu]}`, but no average of XTREME includes them.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task
from layover.tasks._meanings import bio

COLUMNS = ("tokens", "ner_tags")
LABELS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
SMALL = {
    **dict.fromkeys(("jv", "my", "yo"), 100),
    **dict.fromkeys(("af", "bn", "hi", "kk", "ml", "mr", "ms", "sw", "ta", "te", "tl", "ur"), 1_000),
}
LARGE = (
    *("ar", "bg", "de", "el", "en", "es", "et", "eu", "fa", "fi", "fr", "he", "hu"),
    *("id", "it", "ja", "ka", "ko", "nl", "pt", "ru", "th", "tr", "vi", "zh"),
)
SIZES = {**SMALL, **dict.fromkeys(LARGE, 10_000)}
XTREME = tuple(sorted(SIZES))
XTREME_R = ("az", "gu", "lt", "pa", "pl", "qu", "ro", "uk")
LANGUAGES = tuple(sorted((*XTREME, *XTREME_R)))


def _hub(split: str) -> tuple[HubSource, ...]:
    return (
        HubSource(path="google/xtreme", config="PAN-X.{language}", split=split, languages=XTREME),
        HubSource(path="unimelb-nlp/wikiann", config="{language}", split=split, languages=XTREME_R),
    )


TASK = Task(
    name="panx",
    kind="tagging",
    summary="named entities, 40 languages and 8 of XTREME-R",
    labels=LABELS,
    meanings=bio({"PER": "the name of a person", "ORG": "the name of an organisation", "LOC": "the name of a place"}),
    metrics=("seqeval_f1",),
    columns={"tokens": "tokens", "tags": "ner_tags"},
    languages={"train": ("en",), "validation": LANGUAGES, "test": LANGUAGES},
    hub={split: _hub(split) for split in ("train", "validation", "test")},
    files={
        "train": (FileSource(path="panx/train-{language}.tsv", layout=FileLayout(format="conll", header=COLUMNS)),),
        "validation": (FileSource(path="panx/dev-{language}.tsv", layout=FileLayout(format="conll", header=COLUMNS)),),
        "test": (
            FileSource(path="panx/test-{language}.tsv", layout=FileLayout(format="conll", header=COLUMNS, optional=1)),
        ),
    },
    counts={"train": {"en": 20_000}, "validation": SIZES, "test": SIZES},
    xtreme=XTREME,
    epochs=10,  # scripts/train_panx.sh of XTREME
    licence="none stated; text from Wikipedia, CC-BY-SA",
    citation="Pan et al. 2017, ACL P17-1178; splits: Rahimi, Li, Cohn 2019, arXiv:1902.00193",
)
