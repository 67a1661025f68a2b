"""Heads under the names that transformers and adapters give theirs, so that either can take one over.

Our heads compute what the heads of `...ForSequenceClassification` and its siblings compute; only names differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layover.errors import ModelError
from layover.layouts._base import Base, Named
from layover.layouts.adapterhub import CLASSES, VERSION
from layover.layouts.safe import header, tensors

if TYPE_CHECKING:
    from torch import Tensor

HEAD, HEAD_CONFIG = "head.safetensors", "head_config.json"
ADAPTERS_HEAD, ADAPTERS_PICKLE = "model_head.safetensors", "pytorch_model_head.bin"

TASKS: Mapping[str, str] = {
    "classification": "ForSequenceClassification",
    "tagging": "ForTokenClassification",
    "span": "ForQuestionAnswering",
    "choice": "ForMultipleChoice",
}
"""Kind -> the end of the name of the class of transformers that has such a head."""
FAMILIES: Mapping[str, str] = {
    "bert": "Bert",
    "camembert": "Camembert",
    "roberta": "Roberta",
    "xlm-roberta": "XLMRoberta",
}
READS: Mapping[str, str] = {
    "classification": "the first token: dense, tanh, out",
    "tagging": "every token: out",
    "span": "every token: out, a start and an end",
    "choice": "the first token of each choice: dense, tanh, out",
}
_POOLED = ("classification", "choice")


def shared(kind: str) -> bool:
    """Return whether heads of a kind can be shared; that of mlm is the encoder's own table of words."""
    return kind in TASKS


def class_of(kind: str, base: Base) -> str:
    """Return the class of transformers whose head it is."""
    return f"{FAMILIES[base.model_type]}{TASKS[kind]}"


def in_transformers(kind: str, base: Base) -> dict[str, str]:
    """Return our name of each weight of a head -> its name in `class_of`."""
    found = {"out": "qa_outputs" if kind == "span" else "classifier"}
    if kind == "classification" and base.model_type != "bert":
        found = {"dense": "classifier.dense", "out": "classifier.out_proj"}
    elif kind in _POOLED:
        found["dense"] = f"{base.prefix}.pooler.dense"
    return {f"{own}.{end}": f"{theirs}.{end}" for own, theirs in found.items() for end in ("weight", "bias")}


def in_adapters(kind: str, name: str) -> dict[str, str]:
    """Return our name of each weight of a head -> its name in a model with heads of adapters."""
    layers = {"dense": "1", "out": "4"} if kind in _POOLED else {"out": "1"}
    ends = ("weight", "bias")
    return {f"{own}.{end}": f"heads.{name}.{layer}.{end}" for own, layer in layers.items() for end in ends}


def shapes(kind: str, labels: Sequence[str], base: Base) -> dict[str, tuple[int, ...]]:
    """Return the weights of a head in its file: name in `class_of` -> shape.

    Raises:
        ModelError: heads of this kind are not shared.
    """
    if not shared(kind):
        raise ModelError(f"heads for {kind} are not shared; only those for {', '.join(sorted(TASKS))}")
    hidden, outputs = base.shape.hidden, _outputs(kind, labels)
    own = {
        "dense.weight": (hidden, hidden),
        "dense.bias": (hidden,),
        "out.weight": (outputs, hidden),
        "out.bias": (outputs,),
    }
    return {theirs: own[name] for name, theirs in in_transformers(kind, base).items()}


def _outputs(kind: str, labels: Sequence[str]) -> int:
    return {"span": 2, "choice": 1}.get(kind, len(labels))


def config(kind: str, labels: Sequence[str], base: Base) -> dict[str, Any]:
    """Return what stands in `head_config.json` beside the head.

    Args:
        kind: Of the task.
        labels: In the order of the outputs; none for spans and choices.
        base: The encoder.
    """
    return {
        "kind": kind,
        "labels": list(labels),
        "label2id": {label: number for number, label in enumerate(labels)},
        "num_labels": _outputs(kind, labels),
        "hidden_size": base.shape.hidden,
        "pooling": READS[kind],
        "transformers_class": class_of(kind, base),
    }


def adapters_config(
    kind: str, labels: Sequence[str], base: Base, named: Named, *, choices: int | None
) -> dict[str, Any]:
    """Return what adapters writes as `head_config.json`; see `config`.

    Args:
        kind: Of the task.
        labels: In the order of the outputs; none for spans and choices.
        base: The encoder.
        named: The package and its encoder.
        choices: How many an example has; None for other kinds. adapters cuts its rows into so many.

    Raises:
        ModelError: the number of choices is missing.
    """
    types = {"span": "question_answering", "choice": "multiple_choice"}
    own: dict[str, Any] = {
        "activation_function": "tanh",
        "dropout_prob": None,
        "head_type": types.get(kind, kind),
        "layers": 2 if kind in _POOLED else 1,
    }
    if kind in _POOLED:
        own["use_pooler"] = False
    if kind == "classification":
        own["bias"] = True
    if kind == "choice":
        if choices is None or choices < 2:
            raise ModelError(f"{named.name}: its head chooses among {choices}; adapters needs to know among how many")
        own["num_choices"] = choices
    names = list(labels) if kind in {"classification", "tagging"} else [f"LABEL_{n}" for n in range(choices or 2)]
    own["label2id"] = {label: number for number, label in enumerate(names)}
    if kind != "choice":
        own["num_labels"] = len(names)
    return {
        "config": dict(sorted(own.items())),
        "hidden_size": base.shape.hidden,
        "model_class": CLASSES[base.model_type],
        "model_name": named.model or "",
        "model_type": base.model_type,
        "name": named.name,
        "version": VERSION,
    }


def renamed(weights: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    """Return weights under other names, those of `names`; copies, for two files may not share memory.

    Raises:
        ModelError: they are not exactly the names that are known.
    """
    if set(weights) != set(names):
        wrong = sorted(set(weights) ^ set(names))
        raise ModelError(f"the head has the weights {', '.join(sorted(weights))}; {wrong[0]!r} is one too many or few")
    return {names[own]: value.detach().cpu().contiguous().clone() for own, value in weights.items()}


def read(file: Path, kind: str, base: Base) -> dict[str, Tensor]:
    """Return a head's weights under our own names.

    Raises:
        ModelError: the file is damaged, or has other weights than a head of that kind.
    """
    names = {theirs: own for own, theirs in in_transformers(kind, base).items()}
    there = set(header(file))
    if there != set(names):
        wrong, needed = sorted(there ^ set(names)), ", ".join(sorted(names))
        raise ModelError(f"{file}: a head for {kind} has {needed}; {wrong[0]!r} is one too many or few")
    return {names[theirs]: value for theirs, value in tensors(file, names).items()}
