"""Checks of weights and configs: exactly those that the card's module, head and mixer have, and meaning the same."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layover import layouts
from layover.errors import MistakesError, ModelError, printable
from layover.files.safe import header, read_json, tensors
from layover.hub.checks._base import SkippedError, Subject
from layover.layouts import CONFIG, WrittenNames, heads
from layover.packages.card import ADAPTERHUB, MIXER
from layover.packages.fingerprint import of_weights
from layover.packages.meaning import check_same
from layover.packages.package import MODULE_LAYOUT, check_shapes
from layover.packages.untrained import untrained

if TYPE_CHECKING:
    from torch import Tensor

EXACT = (
    "base_model_name_or_path",
    "hidden_size",
    "model_class",
    "model_name",
    "model_type",
    "modules_to_save",
    "name",
    "peft_type",
    "revision",
    "target_modules",
    "task_type",
)
"""Settings in the configs of peft and adapters that are no module's own: these are as Layover writes them, and so are
the module's patterns, which peft runs. The others have many forms of one meaning."""


def complete(subject: Subject) -> str:
    """Exactly the weights that the card's module, head and mixer have: names, shapes, float32, all finite."""
    package, folder = subject.package, subject.folder
    weights: dict[str, Tensor] = {}
    if package.module is not None:
        found = package.stored_module()
        if found.left_out:
            raise ModelError(f"{found.file}: {found.left_out[0]}: a module's file holds no head")
        weights |= found.weights()
    _adapterhub(subject)
    for name, head in (package.head() or {}).items():
        weights[f"head.{name}"] = head
    for role, own in package.mixer().items():
        weights |= {f"{role}.{name}": value for name, value in own.items()}
    for file in _weight_files(subject):
        for name, entry in header(file).items():
            if entry.dtype != "F32":
                raise ModelError(f"{file}: {name}: its numbers are {entry.dtype}; a package has F32")
    if not weights:
        raise ModelError(f"{folder}: holds no weight")
    numbers = sum(value.numel() for value in weights.values())
    return f"{len(weights)} tensors, {numbers:,} numbers: names and shapes as the card's settings ask, float32, finite"


def _weight_files(subject: Subject) -> list[Path]:
    return [subject.folder / name for name in subject.card.files if name.endswith(".safetensors")]


def _adapterhub(subject: Subject) -> None:
    """Hold what is for adapters against what the package itself is: the same module, the same head."""
    card, inner, base = subject.card, subject.folder / ADAPTERHUB, subject.card.base.base()
    module = subject.package.module
    if not any(name.startswith(f"{ADAPTERHUB}/") for name in card.files) or module is None:
        return
    found = layouts.get("adapterhub").read(inner, base)
    check_same(module, found.module, base.shape, str(inner))
    if of_weights(found.weights()) != card.own()[0].weights_sha256:
        raise ModelError(f"{found.file}: its weights are not those of the card")
    head, task = subject.package.head(), card.task
    if head is None or task is None:
        return
    file, names = inner / heads.ADAPTERS_HEAD, heads.in_adapters(task.form(), card.id)
    check_shapes(file, {names[own]: tuple(value.shape) for own, value in head.items()})
    theirs = tensors(file)
    for own, value in head.items():
        if not bool((theirs[names[own]] == value).all()):
            raise ModelError(f"{file}: {names[own]}: other numbers than in {heads.HEAD}")


def trained(subject: Subject) -> str:
    """Something was learned: the module changes something, no map of the head is zero, nor the mixer as a whole."""
    package = subject.package
    for name, value in (package.head() or {}).items():
        if value.dim() == 2 and not bool(value.any()):
            raise ModelError(f"{subject.folder / heads.HEAD}: {name} is zero throughout")
    mixer = [value for own in package.mixer().values() for value in own.values()]
    if mixer and not any(bool(value.any()) for value in mixer):
        raise ModelError(f"{subject.folder / MIXER}: zero throughout")
    module = package.module
    if module is None:
        return "neither head nor mixer is zero"
    found = untrained(package.stored_module())
    if found.wholly and not found.otherwise:
        raise ModelError(f"{subject.folder}: its {module.name} is untrained: {found.message()}")
    if found.wholly:
        return f"note: its {module.name} is untrained: {found.message()}"
    rest = f"; untouched at {', '.join(found.untouched[:3])}" if found.untouched else ""
    more = " and more" if len(found.untouched) > 3 else ""
    changed = found.places - len(found.untouched)
    return f"the {module.name} changes something at {changed} of {found.places} places{rest}{more}"


def configs(subject: Subject) -> str:
    """The configs that other libraries read mean what the card says, name its encoder, and ask for nothing else."""
    card, folder, module = subject.card, subject.folder, subject.package.module
    base, named = card.base.base(), WrittenNames(card.id, card.base.name, card.base.revision)
    expected: dict[str, dict[str, Any]] = {}
    if module is not None and card.layout == "peft":
        expected[CONFIG] = layouts.get("peft").config(module, base, named)
    if module is not None and f"{ADAPTERHUB}/{CONFIG}" in card.files:
        expected[f"{ADAPTERHUB}/{CONFIG}"] = layouts.get("adapterhub").config(module, base, named)
    if card.task is not None and heads.HEAD in card.files:
        form, labels = card.task.form(), card.task.labels
        expected[heads.HEAD_CONFIG] = heads.config(card.task.kind, form, labels, base)
        if f"{ADAPTERHUB}/{heads.HEAD_CONFIG}" in card.files:
            theirs = heads.adapters_config(form, labels, base, named, choices=card.task.choices)
            expected[f"{ADAPTERHUB}/{heads.HEAD_CONFIG}"] = theirs
    if not expected:
        raise SkippedError("it has none")
    patterns = module.in_peft.patterns if module is not None and module.in_peft is not None else frozenset[str]()
    exact = (*EXACT, *sorted(patterns))
    wrong = [
        f"{name}: {one}" for name, values in expected.items() for one in _held_against(folder / name, values, exact)
    ]
    if wrong:
        raise MistakesError(str(folder), wrong)
    if module is not None and card.layout != MODULE_LAYOUT:
        subject.package.stored_module()  # reads its settings, and refuses such as mean another module
    return f"{', '.join(expected)}: mean what the card says"


def _held_against(file: Path, expected: Mapping[str, Any], settings: Collection[str]) -> Iterator[str]:
    """Yield how a config differs from that which Layover writes; what a module's settings mean was compared before."""
    found = read_json(file)
    for name in sorted(set(found) - set(expected)):
        yield f"{printable(name[:80])}: no such setting belongs to the module of the card"
    exact = expected if file.name == heads.HEAD_CONFIG else [name for name in settings if name in expected]
    for name in exact:
        if found.get(name) != expected[name]:
            there = printable(str(found.get(name))[:80])
            yield f"{name} is {there}, but {printable(str(expected[name])[:80])} by the card"
