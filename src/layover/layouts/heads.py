"""Heads under the names that transformers and adapters give theirs, so that either can take one over.

Our heads compute what the heads of `...ForSequenceClassification` and its siblings compute; only names differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layover.errors import ModelError
from layover.files.safe import header, tensors
from layover.layouts._base import Base, WrittenNames
from layover.layouts.adapterhub import config_around

if TYPE_CHECKING:
    from torch import Tensor

HEAD, HEAD_CONFIG = "head.safetensors", "head_config.json"
ADAPTERS_HEAD, ADAPTERS_PICKLE = "model_head.safetensors", "pytorch_model_head.bin"


@dataclass(frozen=True)
class HeadForm:
    """What transformers and adapters call a head; it is owned by the kind of task that it is for."""

    transformers: str
    """The end of the name of the class of transformers that has such a head."""
    adapters: str
    """What adapters calls its type."""
    reads: str
    """For people: `every token: out`."""
    pooled: bool = False
    """Whether it is `dense, tanh, out` over the first token, instead of `out` alone over every token."""
    out: str = "classifier"
    """What transformers calls `out`."""
    outputs: int | None = None
    """The number of its outputs; None where there is one per label."""
    labelled: bool = False
    """Whether its outputs are those of labels."""
    competes: bool = False
    """Whether the rows of an example compete, so that adapters must know how many there are."""
    problem_type: str | None = None
    """What transformers calls its loss, where the class has several."""
    adapters_settings: Mapping[str, Any] = field(default_factory=dict)
    """More that adapters writes of it."""

    def size(self, labels: Sequence[str]) -> int:
        """Return the number of its outputs."""
        return len(labels) if self.outputs is None else self.outputs


def class_of(form: HeadForm, base: Base) -> str:
    """Return the class of transformers whose head it is."""
    return f"{base.family.transformers[base.model_type]}{form.transformers}"


def in_transformers(form: HeadForm, base: Base) -> dict[str, str]:
    """Return our name of each weight of a head -> its name in `class_of`."""
    found = {"out": form.out}
    if form.transformers == "ForSequenceClassification" and base.family.classifies_without_pooler:
        found = {"dense": "classifier.dense", "out": "classifier.out_proj"}
    elif form.pooled:
        found["dense"] = f"{base.prefix}.pooler.dense"
    return {f"{own}.{end}": f"{theirs}.{end}" for own, theirs in found.items() for end in ("weight", "bias")}


def in_adapters(form: HeadForm, name: str) -> dict[str, str]:
    """Return our name of each weight of a head -> its name in a model with heads of adapters."""
    layers = {"dense": "1", "out": "4"} if form.pooled else {"out": "1"}
    ends = ("weight", "bias")
    return {f"{own}.{end}": f"heads.{name}.{layer}.{end}" for own, layer in layers.items() for end in ends}


def shapes(form: HeadForm, labels: Sequence[str], base: Base) -> dict[str, tuple[int, ...]]:
    """Return the weights of a head in its file: name in `class_of` -> shape."""
    hidden, outputs = base.shape.hidden, form.size(labels)
    own = {
        "dense.weight": (hidden, hidden),
        "dense.bias": (hidden,),
        "out.weight": (outputs, hidden),
        "out.bias": (outputs,),
    }
    return {theirs: own[name] for name, theirs in in_transformers(form, base).items()}


def config(kind: str, form: HeadForm, labels: Sequence[str], base: Base) -> dict[str, Any]:
    """Return what stands in `head_config.json` beside the head.

    Args:
        kind: Of the task.
        form: Of the kind's heads.
        labels: In the order of the outputs; none for spans and choices.
        base: The encoder.
    """
    return {
        "kind": kind,
        "labels": list(labels),
        "label2id": {label: number for number, label in enumerate(labels)},
        "num_labels": form.size(labels),
        "hidden_size": base.shape.hidden,
        "pooling": form.reads,
        "transformers_class": class_of(form, base),
        **({} if form.problem_type is None else {"problem_type": form.problem_type}),
    }


def adapters_config(
    form: HeadForm, labels: Sequence[str], base: Base, named: WrittenNames, *, choices: int | None
) -> dict[str, Any]:
    """Return what adapters writes as `head_config.json`; see `config`.

    Args:
        form: Of the kind's heads.
        labels: In the order of the outputs; none for spans and choices.
        base: The encoder.
        named: The package and its encoder.
        choices: How many an example has; None for other kinds. adapters cuts its rows into so many.

    Raises:
        ModelError: the number of choices is missing.
    """
    own: dict[str, Any] = {
        "activation_function": "tanh",
        "dropout_prob": None,
        "head_type": form.adapters,
        "layers": 2 if form.pooled else 1,
        **form.adapters_settings,
    }
    if form.pooled:
        own["use_pooler"] = False
    if form.competes:
        if choices is None or choices < 2:
            raise ModelError(f"{named.name}: its head chooses among {choices}; adapters needs to know among how many")
        own["num_choices"] = choices
    count = choices if choices is not None else form.size(labels)
    names = list(labels) if form.labelled else [f"LABEL_{n}" for n in range(count)]
    own["label2id"] = {label: number for number, label in enumerate(names)}
    if not form.competes:
        own["num_labels"] = len(names)
    return config_around(own, base, named)


def renamed(weights: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    """Return weights under other names, those of `names`; copies, for two files may not share memory.

    Raises:
        ModelError: they are not exactly the names that are known.
    """
    if set(weights) != set(names):
        wrong = sorted(set(weights) ^ set(names))
        raise ModelError(f"the head has the weights {', '.join(sorted(weights))}; {wrong[0]!r} is one too many or few")
    return {names[own]: value.detach().cpu().contiguous().clone() for own, value in weights.items()}


def read(file: Path, kind: str, form: HeadForm, base: Base) -> dict[str, Tensor]:
    """Return a head's weights under our own names.

    Raises:
        ModelError: the file is damaged, or has other weights than a head of that kind.
    """
    names = {theirs: own for own, theirs in in_transformers(form, base).items()}
    there = set(header(file))
    if there != set(names):
        wrong, needed = sorted(there ^ set(names)), ", ".join(sorted(names))
        raise ModelError(f"{file}: a head for {kind} has {needed}; {wrong[0]!r} is one too many or few")
    return {names[theirs]: value for theirs, value in tensors(file, names).items()}
