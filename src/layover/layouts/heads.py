"""Heads with the names of transformers and adapters, so that both libraries can load them.

Layover's heads compute the same as the heads of `...ForSequenceClassification` and similar classes; names differ.
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
    """The names of a head in transformers and adapters; each kind of task declares its own."""

    transformers: str
    """The end of the name of the transformers class with this head."""
    adapters: str
    """The type of the head in adapters."""
    reads: str
    """A description for display: `every token: out`."""
    pooled: bool = False
    """Whether it is `dense, tanh, out` over the first token, instead of `out` alone over every token."""
    out: str = "classifier"
    """The name of `out` in transformers."""
    outputs: int | None = None
    """The number of its outputs; None if there is one per label."""
    labelled: bool = False
    """Whether its outputs belong to labels."""
    competes: bool = False
    """Whether the rows of an example compete, so that adapters needs their number."""
    problem_type: str | None = None
    """The name of its loss in transformers, for classes with several losses."""
    adapters_settings: Mapping[str, Any] = field(default_factory=dict)
    """More settings that adapters writes for it."""

    def size(self, labels: Sequence[str]) -> int:
        """Return the number of its outputs."""
        return len(labels) if self.outputs is None else self.outputs


def class_of(form: HeadForm, base: Base) -> str:
    """Return the name of the transformers class with this head."""
    return f"{base.family.transformers[base.model_type]}{form.transformers}"


def in_transformers(form: HeadForm, base: Base) -> dict[str, str]:
    """Return Layover's name of each weight of a head -> its name in `class_of`."""
    layers = {"out": form.out}
    if form.transformers == "ForSequenceClassification" and base.family.classifies_without_pooler:
        layers = {"dense": "classifier.dense", "out": "classifier.out_proj"}
    elif form.pooled:
        layers["dense"] = f"{base.prefix}.pooler.dense"
    return {f"{own}.{end}": f"{name}.{end}" for own, name in layers.items() for end in ("weight", "bias")}


def in_adapters(form: HeadForm, name: str) -> dict[str, str]:
    """Return Layover's name of each weight of a head -> its name in a model with heads of adapters."""
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
    return {in_file: own[name] for name, in_file in in_transformers(form, base).items()}


def config(kind: str, form: HeadForm, labels: Sequence[str], base: Base) -> dict[str, Any]:
    """Return the content of `head_config.json`.

    Args:
        kind: Kind of the task.
        form: Form of the heads of this kind.
        labels: Labels in the order of the outputs; empty for spans and choices.
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
    """Return the content of `head_config.json` as adapters writes it; see `config`.

    Args:
        form: Form of the heads of this kind.
        labels: Labels in the order of the outputs; empty for spans and choices.
        base: The encoder.
        named: The names of the package and its encoder.
        choices: Number of choices of an example, into which adapters groups its rows; None for other kinds.

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
            raise ModelError(f"{named.name}: the number of choices is {choices}, but adapters needs a number from 2 on")
        own["num_choices"] = choices
    count = choices if choices is not None else form.size(labels)
    names = list(labels) if form.labelled else [f"LABEL_{n}" for n in range(count)]
    own["label2id"] = {label: number for number, label in enumerate(names)}
    if not form.competes:
        own["num_labels"] = len(names)
    return config_around(own, base, named)


def renamed(weights: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    """Return copies of the weights with the names of `names`; copies, because two files cannot share memory.

    Raises:
        ModelError: the weights are not exactly those of `names`.
    """
    if set(weights) != set(names):
        wrong = sorted(set(weights) ^ set(names))
        raise ModelError(
            f"the head has the weights {', '.join(sorted(weights))}; {wrong[0]!r} is missing or unexpected"
        )
    return {names[own]: value.detach().cpu().contiguous().clone() for own, value in weights.items()}


def read(file: Path, kind: str, form: HeadForm, base: Base) -> dict[str, Tensor]:
    """Return the weights of a head by Layover's names.

    Raises:
        ModelError: the file is damaged, or has other weights than a head of this kind.
    """
    names = {in_file: own for own, in_file in in_transformers(form, base).items()}
    there = set(header(file))
    if there != set(names):
        wrong, needed = sorted(there ^ set(names)), ", ".join(sorted(names))
        raise ModelError(f"{file}: a head for {kind} has {needed}; {wrong[0]!r} is missing or unexpected")
    return {names[in_file]: value for in_file, value in tensors(file, names).items()}
