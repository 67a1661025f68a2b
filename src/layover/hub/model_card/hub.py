"""The metadata that a hub reads at the head of a model card: YAML between two lines of `---`."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from layover import kinds, metrics
from layover.data import languages
from layover.data.languages import UNKNOWN, Listed
from layover.errors import printable
from layover.escape import code, listed
from layover.hub.libraries import ADAPTERS, reader_of
from layover.hub.model_card.demonstration import has_sandbox_encoder
from layover.hub.model_card.results import lines_of
from layover.packages.card import Card
from layover.packages.sections import DataFacts

LIBRARIES: Mapping[str, str] = {ADAPTERS: "adapter-transformers"}
"""What the hub calls a library, where it has another name for it."""
LICENCES: Mapping[str, str] = {
    "Apache-2.0": "apache-2.0",
    "BSD-2-Clause": "bsd-2-clause",
    "CC-BY-4.0": "cc-by-4.0",
    "CC-BY-NC-3.0": "cc-by-nc-3.0",
    "CC-BY-NC-4.0": "cc-by-nc-4.0",
    "CC-BY-SA-3.0": "cc-by-sa-3.0",
    "CC-BY-SA-4.0": "cc-by-sa-4.0",
    "MIT": "mit",
    "ODC-BY-1.0": "odc-by",
}
"""Licences of data by which the hub knows them."""
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_MEANINGFUL = frozenset({"false", "n", "no", "null", "off", "on", "true", "y", "yes"})
"""Words that some version of YAML reads as something else than text: `no` is Norwegian."""


def header(card: Card) -> str:
    """Return the metadata of a package, with the lines around them."""
    yaml = YAML(typ="rt", pure=True)
    yaml.default_flow_style = False
    yaml.width = sys.maxsize
    stream = io.StringIO()
    yaml.dump(_quoted(metadata(card)), stream)
    # what is not seen stands in quotes, where YAML knows the same escapes as Python
    lines = "\n".join(map(printable, stream.getvalue().split("\n")))
    return f"---\n{lines}---\n"


def metadata(card: Card) -> dict[str, Any]:
    """Return the metadata; what is not known, or is no name that the hub has, is left out."""
    library = reader_of(card)
    found: dict[str, Any] = {"library_name": LIBRARIES.get(library, library)}
    if card.base.name is not None and not has_sandbox_encoder(card) and is_id(card.base.name):
        found |= {"base_model": card.base.name, "base_model_relation": "adapter"}
    if data := [name for name in _datasets(card) if is_id(name)]:
        found["datasets"] = data
    if codes := languages_of(card).codes:
        found["language"] = list(codes)
    if licence := licence_of(card):
        found["license"] = licence
    pipeline = kinds.get(card.task.kind).pipeline if card.task is not None else ""
    if pipeline and card.probe.outputs is not None:
        found["pipeline_tag"] = pipeline
    found["tags"] = _tags(card, library)
    if card.scores is not None:
        found["metrics"] = [metrics.get(card.scores.metric).on_the_hub()]
        found["model-index"] = [{"name": card.id, "results": _results(card)}]
    return found


def left_out(card: Card) -> list[str]:
    """Return a sentence for each kind of names that no hub would take, and that the metadata therefore lack."""
    found, spoken = [], languages_of(card)
    if spoken.left_out:
        names = listed([code(name) for name in spoken.left_out])
        found.append(f"Left out of the metadata at the head of this page: {names}, no code of a language in ISO 639.")
    if spoken.doubtful:
        names = listed([code(name) for name in spoken.doubtful])
        found.append(
            f"Of {names} the metadata have the first part alone: the second one may be a language or a country."
        )
    if wrong := [name for name in _datasets(card) if not is_id(name)]:
        names = listed([code(name) for name in wrong])
        found.append(f"Left out of the metadata at the head of this page: {names}, no name of a data set on a hub.")
    return found


def licence_of(card: Card) -> str:
    """Return the licence of the data, where all are known, have the same one and the hub knows it; else empty."""
    licences = {one.licence for one in card.data}
    only = licences.pop() if len(licences) == 1 and not card.imports() else None
    return LICENCES.get(only, "") if only is not None else ""


def languages_of(card: Card) -> Listed:
    """Return the languages that it was scored in, else those that it was trained on, as a hub lists them."""
    scored = [line.language for line in lines_of(card) if line.score is not None]
    names = scored or [one.language for one in card.data if one.language is not None]
    return languages.listed(name for name in names if name != UNKNOWN)


def is_id(name: str) -> bool:
    """Return whether a name may be that of a repository on a hub."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return name.isascii()


def _datasets(card: Card) -> list[str]:
    return sorted({_name(one) for one in card.data if one.hub is not None})


def _tags(card: Card, library: str) -> list[str]:
    modules = dict.fromkeys(piece.module["name"] for piece in card.pieces)
    composed = [card.composition["name"]] if card.composition is not None else []
    found = [LIBRARIES.get(library, library), *modules, *composed, card.base.model_type]
    return list(dict.fromkeys([*found, "intermediate-task", "cross-lingual-transfer", "layover"]))


def _results(card: Card) -> list[dict[str, Any]]:
    """Return one result for each language with a score."""
    scores, task = card.scores, card.task
    if scores is None or task is None:
        return []
    data, scored = {one.language: one for one in scores.data}, scores.task or task.name
    found = []
    for line in lines_of(card):
        if line.score is None:
            continue
        source = data.get(line.language)
        about = {"type": scored if source is None or source.hub is None else _name(source)}
        about |= {"name": f"{scored} ({line.language})", "config": _config(source) or line.language}
        about |= {"split": scores.split}
        if source is not None and source.hub is not None and source.revision is not None:
            about["revision"] = source.revision
        metric = {"type": metrics.get(scores.metric).on_the_hub(), "value": round(line.score, 4)}
        metric["name"] = scores.metric if not line.zero_shot else f"{scores.metric}, zero-shot"
        found.append(
            {"task": {"type": kinds.get(task.kind).pipeline or task.kind}, "dataset": about, "metrics": [metric]}
        )
    return found


def _name(data: DataFacts) -> str:
    return (data.hub or "").partition(":")[0]


def _config(data: DataFacts | None) -> str:
    return "" if data is None or data.hub is None else data.hub.partition(":")[2]


def _quoted(value: Any) -> Any:
    """Return values in which every text that could be taken for something else stands in quotes."""
    if isinstance(value, dict):
        return {name: _quoted(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_quoted(one) for one in value]
    if isinstance(value, str) and (_PLAIN.fullmatch(value) is None or value.lower() in _MEANINGFUL):
        return DoubleQuotedScalarString(value)
    return value
