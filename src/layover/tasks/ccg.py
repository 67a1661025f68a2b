"""CCG supertagging: a lexical category for every word of CCGbank, more than a thousand of them.

CCGbank, LDC2005T13, needs a licence: the files are the user's own, the derivations themselves or the C&C supertagger's
extract of them. `.parg` files are no substitute: they lack the words that have no dependency. The categories are those
of the training sections; the few that only other sections have count as wrong.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, Task

SECTIONS = {"train": "wsj02-21", "validation": "wsj00", "test": "wsj23"}
NAMES = {"train": "train", "validation": "dev", "test": "test"}

OBTAIN = (
    "CCGbank needs a licence of the LDC (LDC2005T13). In its folder `data`: "
    "cat AUTO/0[2-9]/*.auto AUTO/1?/*.auto AUTO/2[01]/*.auto > DATA_ROOT/ccg/train.auto; "
    "cat AUTO/00/*.auto > DATA_ROOT/ccg/dev.auto; cat AUTO/23/*.auto > DATA_ROOT/ccg/test.auto. "
    "The open task ccg_pmb is a substitute"
)


def _files(split: str) -> tuple[FileSource, ...]:
    """Return the derivations, one after the other, and what the C&C tools make of them."""
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
