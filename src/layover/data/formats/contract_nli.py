"""ContractNLI's JSON: contracts, each annotated with the choice for every one of the file's hypotheses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from layover.data.formats._json import read_json
from layover.data.formats._layout import FileLayout
from layover.data.formats._row import Row
from layover.errors import DataError


def read(path: Path, layout: FileLayout) -> Iterator[Row]:
    """Yield one row per contract and hypothesis: `premise` (the whole contract), `hypothesis`, `choice`.

    The evidence (`spans`) is left out: it is not known where a choice is to be made.

    Raises:
        DataError: no documents or hypotheses; or with the contract's id: it is not annotated once for every hypothesis.
    """
    data = read_json(path, layout)
    try:
        hypotheses = {label: found["hypothesis"] for label, found in data["labels"].items()}
        documents = list(data["documents"])
    except (AttributeError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not ContractNLI's format, no 'documents' or no 'labels' ({error!r})") from error
    for number, document in enumerate(documents, 1):
        yield from _rows(path, number, document, hypotheses)


def _rows(path: Path, number: int, document: Any, hypotheses: Mapping[str, str]) -> Iterator[Row]:
    try:
        contract, text, (annotated,) = int(document["id"]), document["text"], document["annotation_sets"]
        choices = {label: found["choice"] for label, found in annotated["annotations"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} document:{number}: not a contract annotated once ({error!r})") from error
    if choices.keys() != hypotheses.keys():
        wrong = ", ".join(sorted(choices.keys() ^ hypotheses.keys()))
        raise DataError(f"{path} document id:{contract}: {wrong} stands in its annotations or 'labels', not in both")
    for label, hypothesis in hypotheses.items():
        values = {"premise": text, "hypothesis": hypothesis, "choice": choices[label]}
        yield Row(values, f"{path} {label} of document id", contract)


FORMAT = read
READS: frozenset[str] = frozenset()
