"""ContractNLI's JSON: contracts, each annotated with one choice per hypothesis of the file."""

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

    The evidence (`spans`) is left out, because it is unknown at prediction.

    Raises:
        DataError: the file has no documents or no hypotheses; or, with the id of the contract, its annotations do not
            have every hypothesis exactly once.
    """
    data = read_json(path, layout)
    try:
        hypotheses = {label: entry["hypothesis"] for label, entry in data["labels"].items()}
        documents = list(data["documents"])
    except (AttributeError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: not ContractNLI's format: it needs 'documents' and 'labels' ({error!r}); name its official file"
        ) from error
    for number, document in enumerate(documents, 1):
        yield from _rows(path, number, document, hypotheses)


def _rows(path: Path, number: int, document: Any, hypotheses: Mapping[str, str]) -> Iterator[Row]:
    try:
        contract, text, (annotated,) = int(document["id"]), document["text"], document["annotation_sets"]
        choices = {label: entry["choice"] for label, entry in annotated["annotations"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} document:{number}: a contract needs 'id', 'text' and exactly one annotation set ({error!r}); "
            "name ContractNLI's official file"
        ) from error
    if choices.keys() != hypotheses.keys():
        wrong = ", ".join(sorted(choices.keys() ^ hypotheses.keys()))
        raise DataError(
            f"{path} document id:{contract}: {wrong} must be both in its annotations and in 'labels'; add the missing"
        )
    for label, hypothesis in hypotheses.items():
        values = {"premise": text, "hypothesis": hypothesis, "choice": choices[label]}
        yield Row(values, f"{path} {label} of document id", contract)


FORMAT = read
READS: frozenset[str] = frozenset()
