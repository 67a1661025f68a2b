"""The metadata that a hub reads at the head of a model card: YAML between two lines of `---`."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from layover.data.languages import UNKNOWN
from layover.packages.card import Card
from layover.packages.sections import DataFacts
from layover.sharing.libraries import ADAPTERS, reader_of
from layover.sharing.model_card.results import lines_of

LIBRARIES: Mapping[str, str] = {ADAPTERS: "adapter-transformers"}
"""What the hub calls a library, where it has another name for it."""
PIPELINES: Mapping[str, str] = {
    "classification": "text-classification",
    "tagging": "token-classification",
    "span": "question-answering",
    "choice": "multiple-choice",
    "mlm": "fill-mask",
}
METRICS: Mapping[str, str] = {
    "binary_f1": "f1",
    "macro_f1": "f1",
    "mlqa_em": "exact_match",
    "mlqa_f1": "f1",
    "seqeval_f1": "f1",
    "squad_em": "exact_match",
    "squad_f1": "f1",
    "token_accuracy": "accuracy",
}
"""A metric -> the hub's own name for its kind, where it is another."""
LICENCES: Mapping[str, str] = {
    "Apache-2.0": "apache-2.0",
    "BSD-2-Clause": "bsd-2-clause",
    "CC-BY-4.0": "cc-by-4.0",
    "CC-BY-NC-4.0": "cc-by-nc-4.0",
    "CC-BY-SA-3.0": "cc-by-sa-3.0",
    "CC-BY-SA-4.0": "cc-by-sa-4.0",
    "MIT": "mit",
    "ODC-BY-1.0": "odc-by",
}
"""Licences of data by which the hub knows them."""
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./ :+-]*[A-Za-z0-9]")
_MEANINGFUL = frozenset({"false", "n", "no", "null", "off", "on", "true", "y", "yes"})
"""Words that some version of YAML reads as something else than text: `no` is Norwegian."""


def header(card: Card) -> str:
    """Return the metadata of a package, with the lines around them."""
    yaml = YAML(typ="rt", pure=True)
    yaml.default_flow_style = False
    yaml.width = 1000
    stream = io.StringIO()
    yaml.dump(_quoted(metadata(card)), stream)
    return f"---\n{stream.getvalue()}---\n"


def metadata(card: Card) -> dict[str, Any]:
    """Return the metadata; what is not known, or is no name that the hub has, is left out."""
    library = reader_of(card)
    found: dict[str, Any] = {"library_name": LIBRARIES.get(library, library)}
    if card.base.name is not None and not card.base.name.startswith("sandbox/"):
        found |= {"base_model": card.base.name, "base_model_relation": "adapter"}
    if data := sorted({_name(one) for one in card.data if one.hub is not None}):
        found["datasets"] = data
    if languages := _languages(card):
        found["language"] = languages
    if licence := licence_of(card.data):
        found["license"] = licence
    if card.task is not None and card.probe.outputs is not None:
        found["pipeline_tag"] = PIPELINES[card.task.kind]
    found["tags"] = _tags(card, library)
    if card.scores is not None:
        found["metrics"] = [METRICS.get(card.scores.metric, card.scores.metric)]
        found["model-index"] = [{"name": card.id, "results": _results(card)}]
    return found


def licence_of(data: Sequence[DataFacts]) -> str:
    """Return the licence of the data, where all of them have the same and the hub knows it; else empty."""
    licences = {one.licence for one in data}
    only = licences.pop() if len(licences) == 1 else None
    return LICENCES.get(only, "") if only is not None else ""


def _languages(card: Card) -> list[str]:
    """Return the languages that it was scored in, else those that it was trained on."""
    scored = [line.language for line in lines_of(card) if line.score is not None]
    return sorted({*(scored or (one.language for one in card.data))} - {UNKNOWN})


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
    data = {one.language: one for one in scores.data}
    found = []
    for line in lines_of(card):
        if line.score is None:
            continue
        source = data.get(line.language)
        about = {"type": task.name if source is None or source.hub is None else _name(source)}
        about |= {"name": f"{task.name} ({line.language})", "config": _config(source) or line.language}
        about |= {"split": scores.split}
        if source is not None and source.hub is not None and source.revision is not None:
            about["revision"] = source.revision
        metric = {"type": METRICS.get(scores.metric, scores.metric), "value": round(line.score, 4)}
        metric["name"] = scores.metric if not line.zero_shot else f"{scores.metric}, zero-shot"
        found.append({"task": {"type": PIPELINES[task.kind]}, "dataset": about, "metrics": [metric]})
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
