"""BC5CDR: names of chemicals and diseases in abstracts of PubMed.

The copies on the hub need a loading script or have other splits. So the task reads the files of Crichton et al. 2017,
with a word and its tag per line. Tags stay unchanged, also an `I-` tag without a preceding tag of its span.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, Task
from layover.tasks._meanings import bio

LAYOUT = FileLayout(format="conll", header=("tokens", "ner_tags"))


def _files(name: str) -> tuple[FileSource, ...]:
    return (FileSource(path=f"bc5cdr/{name}.tsv", layout=LAYOUT),)


TASK = Task(
    name="bc5cdr",
    kind="tagging",
    summary="names of chemicals and diseases, English",
    labels=("O", "B-Chemical", "I-Chemical", "B-Disease", "I-Disease"),
    meanings=bio({"Chemical": "the name of a chemical", "Disease": "the name of a disease"}),
    metrics=("seqeval_f1",),
    columns={"tokens": "tokens", "tags": "ner_tags"},
    languages={"train": ("en",), "validation": ("en",), "test": ("en",)},
    files={"train": _files("train"), "validation": _files("devel"), "test": _files("test")},
    # numbers of sentences in table 7 of InstructUIE, arXiv:2304.08085
    counts={"train": 4_560, "validation": 4_581, "test": 4_797},
    licence="public domain",
    obtain="Put train.tsv, devel.tsv and test.tsv, from data/BC5CDR-IOB/ of "
    "https://github.com/cambridgeltl/MTL-Bioinformatics-2016, into bc5cdr/ below the data root.",
    citation="Li et al. 2016, BioCreative V CDR task corpus, Database baw068; files: Crichton, Pyysalo, Chiu, "
    "Korhonen 2017, BMC Bioinformatics 18:368",
)
