"""The metadata that a hub reads at the head of a model card."""

from __future__ import annotations

import io
import re
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from layover import kinds, metrics
from layover.data import languages
from layover.data.languages import UNKNOWN, Listed
from layover.errors import printable
from layover.hub.libraries import ADAPTERS, reader_of
from layover.hub.model_card.results import lines_of
from layover.hub.model_card.sandbox import has_sandbox_encoder
from layover.packages.card import Card
from layover.packages.sections import DataFacts

LIBRARIES: Mapping[str, str] = {ADAPTERS: "adapter-transformers"}
"""The hub's name of a library, if it differs."""
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
"""The hub's names of licences."""
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_MEANINGFUL = frozenset({"false", "n", "no", "null", "off", "on", "true", "y", "yes"})
"""Words that some versions of YAML do not read as text; `no` is also the code of Norwegian."""


def metadata(card: Card) -> ModelCardData:
    """Return the metadata of a package, without values that are unknown or that no hub accepts."""
    library, base = LIBRARIES.get(reader_of(card), reader_of(card)), card.base.name
    public = base is not None and not has_sandbox_encoder(card) and is_id(base)
    pipeline = kinds.get(card.task.kind).pipeline if card.task is not None else ""
    results = _results(card)
    return ModelCardData(
        library_name=library,
        base_model=base if public else None,
        base_model_relation="adapter" if public else None,
        datasets=[name for name in data_sets(card) if is_id(name)] or None,
        language=list(languages_of(card).codes) or None,
        license=licence_of(card) or None,
        pipeline_tag=pipeline if pipeline and card.probe.outputs is not None else None,
        tags=_tags(card, library),
        metrics=[metrics.get(card.scores.metric).on_the_hub()] if card.scores is not None else None,
        model_name=card.id if results else None,
        eval_results=results or None,
    )


def values_of(card: Card) -> dict[str, Any]:
    """Return the metadata as plain values, the results as a hub's `model-index`."""
    values: dict[str, Any] = metadata(card).to_dict()  # type: ignore[no-untyped-call]
    return values


def as_yaml(card: Card) -> str:
    """Return the metadata as YAML that every version of YAML reads in the same way.

    `ModelCardData.to_yaml` writes the text `1e5` without quotes, which YAML 1.2 reads as a number.
    """
    yaml = YAML(typ="rt", pure=True)
    yaml.default_flow_style = False
    yaml.width = sys.maxsize
    stream = io.StringIO()
    yaml.dump(_quoted(values_of(card)), stream)
    # invisible characters are in quotes, where YAML has the same escapes as Python
    return "\n".join(map(printable, stream.getvalue().rstrip("\n").split("\n")))


def licence_of(card: Card) -> str:
    """Return the licence of the data if all data have the same licence and the hub has a name for it, else empty."""
    licences = {data.licence for data in card.data}
    only = licences.pop() if len(licences) == 1 and not card.imports() else None
    return LICENCES.get(only, "") if only is not None else ""


def languages_of(card: Card) -> Listed:
    """Return the languages of the scores, or of the training data without scores, as a hub lists them."""
    scored = [line.language for line in lines_of(card) if line.score is not None]
    names = scored or [data.language for data in card.data if data.language is not None]
    return languages.listed(name for name in names if name != UNKNOWN)


def data_sets(card: Card) -> list[str]:
    """Return the names of the training data sets on a hub."""
    return sorted({_name(data.hub) for data in card.data if data.hub is not None})


def is_id(name: str) -> bool:
    """Return whether a repository on a hub may have a name."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return name.isascii()


def _tags(card: Card, library: str) -> list[str]:
    modules = [piece.module["name"] for piece in card.attachments]
    composed = [card.composition["name"]] if card.composition is not None else []
    tags = [library, *modules, *composed, card.base.model_type]
    return list(dict.fromkeys([*tags, "intermediate-task", "cross-lingual-transfer", "layover"]))


def _results(card: Card) -> list[EvalResult]:
    """Return one result for each language with a score."""
    scores, task = card.scores, card.task
    if scores is None or task is None:
        return []
    data, scored = {fact.language: fact for fact in scores.data}, scores.task or task.name
    configs = {line.language: _config(data.get(line.language)) or line.language for line in lines_of(card)}
    several = {config for config, count in Counter(configs.values()).items() if count > 1}
    results = []
    for line in lines_of(card):
        if line.score is None:
            continue
        source, config = data.get(line.language), configs[line.language]
        from_hub = source if source is not None and source.hub is not None else None
        result = EvalResult(
            task_type=kinds.get(task.kind).pipeline or task.kind,
            dataset_type=scored if from_hub is None else _name(from_hub.hub),
            dataset_name=f"{scored} ({line.language})",
            # the hub merges results with the same configuration
            dataset_config=line.language if config in several else config,
            dataset_split=scores.split,
            dataset_revision=None if from_hub is None else from_hub.revision,
            metric_type=metrics.get(scores.metric).on_the_hub(),
            metric_name=f"{scores.metric}, zero-shot" if line.zero_shot else scores.metric,
            metric_value=round(line.score, 4),
        )
        results.append(result)
    return results


def _name(hub: str | None) -> str:
    return (hub or "").partition(":")[0]


def _config(data: DataFacts | None) -> str:
    return "" if data is None or data.hub is None else data.hub.partition(":")[2]


def _quoted(value: Any) -> Any:
    """Return values in which every text that YAML could read as another type is in quotes."""
    if isinstance(value, dict):
        return {name: _quoted(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_quoted(inner) for inner in value]
    if isinstance(value, str) and (_PLAIN.fullmatch(value) is None or value.lower() in _MEANINGFUL):
        return DoubleQuotedScalarString(value)
    return value
