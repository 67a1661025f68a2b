"""CCG supertagging: a lexical category for every word of CCGbank, more than a thousand of them.

CCGbank, LDC2005T13, needs a licence, so the user provides the files: the derivations, or the extract of the C&C
supertagger. `.parg` files are no substitute, because they lack the words without dependencies. The labels are the
categories of the training sections; the few categories that only other sections have count as wrong.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, Task

SECTIONS = {"train": "wsj02-21", "validation": "wsj00", "test": "wsj23"}
NAMES = {"train": "train", "validation": "dev", "test": "test"}

OBTAIN = (
    "CCGbank needs a licence of the LDC (LDC2005T13). In its folder `data`, run: "
    "cat AUTO/0[2-9]/*.auto AUTO/1?/*.auto AUTO/2[01]/*.auto > DATA_ROOT/ccg/train.auto; "
    "cat AUTO/00/*.auto > DATA_ROOT/ccg/dev.auto; cat AUTO/23/*.auto > DATA_ROOT/ccg/test.auto. "
    "The open task ccg_pmb is a substitute"
)


def _files(split: str) -> tuple[FileSource, ...]:
    """Return two alternatives: the file of derivations, and the file of the C&C tools."""
    return (
        FileSource(path=f"ccg/{NAMES[split]}.auto", layout=FileLayout(format="ccgbank")),
        FileSource(path=f"ccg/{SECTIONS[split]}.stagged", layout=FileLayout(format="word_tag")),
    )


TASK = Task(
    name="ccg",
    kind="tagging",
    summary="CCG supertagging, English; licensed",
    labels_from_training=True,
    metrics=("token_accuracy",),
    columns={"tokens": "word", "tags": "tag"},
    languages=dict.fromkeys(SECTIONS, ("en",)),
    files={split: _files(split) for split in SECTIONS},
    counts={"train": 39_604, "validation": 1_913, "test": 2_407},
    licence="LDC User Agreement",
    obtain=OBTAIN,
    citation="Hockenmaier and Steedman 2007, CCGbank, Computational Linguistics 33(3)",
)
