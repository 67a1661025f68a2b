"""ContractNLI: does a whole contract entail or contradict a hypothesis, or not mention it; 17 hypotheses.

A contract has thousands of tokens; its end is cut if it does not fit into `max_length`. Every contract has every
hypothesis once, so the official accuracy, a mean over hypotheses, equals plain accuracy. The official F1 of single
labels is also a mean over hypotheses and differs from `macro_f1`. The task reads only the official files.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, Task

FOLDERS = ("contract_nli/contract-nli.zip/contract-nli", "contract_nli/contract-nli", "contract_nli")


def _files(name: str) -> tuple[FileSource, ...]:
    """Return the official files, packed or unpacked."""
    layout = FileLayout(format="contract_nli")
    return tuple(FileSource(path=f"{folder}/{name}.json", layout=layout) for folder in FOLDERS)


TASK = Task(
    name="contract_nli",
    kind="classification",
    summary="inference from whole contracts, English",
    labels=("Entailment", "Contradiction", "NotMentioned"),
    meanings={
        "Entailment": "the contract says that the second text holds",
        "Contradiction": "the contract says that the second text does not hold",
        "NotMentioned": "the contract does not decide whether the second text holds",
    },
    metrics=("accuracy", "macro_f1"),
    columns={"first": "premise", "second": "hypothesis", "label": "choice"},
    languages={"train": ("en",), "validation": ("en",), "test": ("en",)},
    files={"train": _files("train"), "validation": _files("dev"), "test": _files("test")},
    # 423, 61 and 123 contracts
    counts={"train": 7_191, "validation": 1_037, "test": 2_091},
    layout=FileLayout(format="contract_nli"),
    licence="CC-BY-4.0",
    obtain="Put contract-nli.zip, from https://stanfordnlp.github.io/contract-nli, which states its terms, into "
    "contract_nli/ below the data root.",
    citation="Koreeda, Manning 2021, arXiv:2110.01799",
)
