"""PubMedQA (PQA-L): yes, no or maybe to the question of a paper's title, from its abstract without the conclusion.

This is the paper's reasoning-required setting. The official test split is the 500 questions of
`test_ground_truth.json`; their decisions must agree with `ori_pqal.json`. The other 500 are for training, and `holdout`
takes the validation examples from them. The official script makes ten folds of them, and a recipe can name the files of
one fold (`train_set.json`, `dev_set.json`). The copy on the hub has one split and does not mark the test questions.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.data.task import Listing
from layover.tasks import FileSource, Task

LAYOUT = FileLayout(format="pubmedqa")


def _files(*, test: bool) -> tuple[FileSource, ...]:
    listing = Listing(path="pubmedqa/test_ground_truth.json", layout=LAYOUT, id="pubid", taken=test)
    return (FileSource(path="pubmedqa/ori_pqal.json", layout=LAYOUT, listing=listing),)


TASK = Task(
    name="pubmedqa",
    kind="classification",
    summary="research questions answered from abstracts, English",
    labels=("yes", "no", "maybe"),
    meanings={
        "yes": "the abstract answers the question with yes",
        "no": "the abstract answers the question with no",
        "maybe": "the abstract leaves the question open",
    },
    metrics=("accuracy", "macro_f1"),
    columns={"first": "question", "second": "context", "label": "final_decision"},
    languages={"train": ("en",), "test": ("en",)},
    files={"train": _files(test=False), "test": _files(test=True)},
    counts={"train": 500, "test": 500},
    layout=LAYOUT,
    licence="MIT",
    obtain="Put ori_pqal.json and test_ground_truth.json, from data/ of https://github.com/pubmedqa/pubmedqa, into "
    "pubmedqa/ below the data root.",
    citation="Jin, Dhingra, Liu, Cohen, Lu 2019, arXiv:1909.06146",
)
