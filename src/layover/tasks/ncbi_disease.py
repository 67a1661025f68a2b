"""NCBI disease: names of diseases in abstracts of PubMed.

The copies on the hub need a loading script. So the task reads files with the paper's splits, a word and its tag per
line.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, Task
from layover.tasks._meanings import bio

LAYOUT = FileLayout(format="conll", header=("tokens", "ner_tags"))


def _files(name: str) -> tuple[FileSource, ...]:
    return (FileSource(path=f"ncbi_disease/{name}.tsv", layout=LAYOUT),)


TASK = Task(
    name="ncbi_disease",
    kind="tagging",
    summary="names of diseases, English",
    labels=("O", "B-Disease", "I-Disease"),
    meanings=bio({"Disease": "the name of a disease"}),
    metrics=("seqeval_f1",),
    columns={"tokens": "tokens", "tags": "ner_tags"},
    languages={"train": ("en",), "validation": ("en",), "test": ("en",)},
    files={"train": _files("train"), "validation": _files("devel"), "test": _files("test")},
    counts={"train": 5_432, "validation": 923, "test": 940},
    licence="public domain",
    obtain="Put train.tsv, devel.tsv and test.tsv, from conll/ of https://github.com/spyysalo/ncbi-disease, into "
    "ncbi_disease/ below the data root.",
    citation="Dogan, Leaman, Lu 2014, NCBI Disease Corpus, Journal of Biomedical Informatics 47",
)
