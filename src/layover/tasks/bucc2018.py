"""BUCC 2018: pairs of sentences that translate each other, mined from two texts, in four languages; no training.

The files are XTREME's: `dev` is the sample data of the shared task, `test` its training data. XTREME publishes no gold
for `test`. The copies on the hub lack the sentences without a translation, so mining them would be trivial.

The embedding of a sentence is the mean over its tokens, as for Tatoeba and in Phang et al. 2020. XTREME's script uses
the first token of another layer instead.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.kinds.retrieval import PUBLISHED_MINING
from layover.tasks import FileSource, Task
from layover.tasks._sides import PAIRS

LANGUAGES = ("de", "fr", "ru", "zh")


def _files(split: str) -> tuple[FileSource, ...]:
    stem = f"bucc2018/{{language}}-en.{split}"
    return (
        FileSource(
            path=f"{stem}.{{language}}",
            other=f"{stem}.en",
            gold=f"{stem}.gold",
            layout=FileLayout(format="tsv", header=("id", "text"), quoting=False),
            gold_layout=PAIRS,
            languages=LANGUAGES,
        ),
    )


TASK = Task(
    name="bucc2018",
    kind="retrieval",
    summary="mining of sentence pairs, 4 languages, no training",
    stages=("target",),
    metrics=("bucc_f1",),
    columns={"id": "id", "text": "text"},
    languages={"validation": LANGUAGES, "test": LANGUAGES},
    files={"validation": _files("dev"), "test": _files("test")},
    retrieval=PUBLISHED_MINING,
    counts={"validation": {"zh": 22_213}},
    xtreme=LANGUAGES,
    obtain="Run XTREME's scripts/download_data.sh and put the files of the shared task (de-en.dev.de, "
    "de-en.dev.en, de-en.dev.gold, de-en.test.de and so on) into bucc2018/ below the data root.",
    licence="none stated; text from Wikipedia, CC-BY-SA, and news commentaries",
    citation="Zweigenbaum, Sharoff, Rapp 2018, Overview of the Third BUCC Shared Task",
)
