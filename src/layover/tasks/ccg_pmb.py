r"""CCG supertagging, open: the categories of the Parallel Meaning Bank 4.0.0, gold, trained on English.

German, Italian and Dutch use the same categories, so the task is also a zero-shot target. The labels are the categories
of the English training data. In the other languages, 2 to 4 percent of the words have a category that English lacks;
they count as wrong. The punctuation mark at the end of a sentence, one word in six, almost always counts as wrong too:
its category is `.` in English and `s:dcl\s:dcl` in the others. So compare methods within a language, not languages.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, Task

LANGUAGES = ("de", "en", "it", "nl")
NAMES = {"train": "train", "validation": "dev", "test": "test"}
LAYOUT = FileLayout(format="pmb")


def _files(name: str) -> tuple[FileSource, ...]:
    return (FileSource(path=f"ccg_pmb/{{language}}/{name}.conll", layout=LAYOUT),)


TASK = Task(
    name="ccg_pmb",
    kind="tagging",
    summary="CCG supertagging, 4 languages",
    labels_from_training=True,
    metrics=("token_accuracy",),
    columns={"tokens": "token", "tags": "cat"},
    languages={"train": ("en",), "validation": LANGUAGES, "test": LANGUAGES},
    files={split: _files(name) for split, name in NAMES.items()},
    layout=LAYOUT,
    counts={
        "train": {"en": 7_745},
        "validation": {"de": 559, "en": 1_174, "it": 540, "nl": 438},
        "test": {"de": 547, "en": 1_053, "it": 461, "nl": 491},
    },
    licence="ODC-BY-1.0",
    obtain=(
        "Put parsing/layer_data/4.0.0/LANGUAGE/gold/{train,dev,test}.conll, from github.com/RikVN/DRS_parsing, into "
        "ccg_pmb/LANGUAGE below the data root, for de, en, it and nl"
    ),
    citation="Abzianidze et al. 2017, The Parallel Meaning Bank, ACL E17-2039; release 4.0.0",
)
