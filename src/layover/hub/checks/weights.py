"""Checks of weights and configs: exactly the weights of the card's module, head and mixer, and the same settings."""

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
"""Settings in the configs of peft and adapters that must be exactly as Layover writes them: the settings outside of
the module, and the module's patterns, which peft runs. The other settings have several forms with the same meaning."""


def complete(subject: Subject) -> str:
    """The weights are exactly the card's module, head and mixer: names, shapes, float32, all finite."""
    package, folder = subject.package, subject.folder
    weights: dict[str, Tensor] = {}
    if package.module is not None:
        module = package.stored_module()
        if module.left_out:
            raise ModelError(f"{module.file}: {module.left_out[0]}: the file of a module must not have a head")
        weights |= module.weights()
    _adapterhub(subject)
    for name, head in (package.head() or {}).items():
        weights[f"head.{name}"] = head
    for role, own in package.mixer().items():
        weights |= {f"{role}.{name}": value for name, value in own.items()}
    for file in _weight_files(subject):
        for name, entry in header(file).items():
            if entry.dtype != "F32":
                raise ModelError(f"{file}: {name}: its dtype is {entry.dtype}, but must be F32 in a package")
    if not weights:
        raise ModelError(f"{folder}: the package has no weights")
    numbers = sum(value.numel() for value in weights.values())
    return f"{len(weights)} tensors, {numbers:,} numbers: names and shapes fit the card's settings, float32, finite"


def _weight_files(subject: Subject) -> list[Path]:
    return [subject.folder / name for name in subject.card.files if name.endswith(".safetensors")]


def _adapterhub(subject: Subject) -> None:
    """Check that the files for adapters have the same module and the same head as the package."""
    card, inner, base = subject.card, subject.folder / ADAPTERHUB, subject.card.base.base()
    module = subject.package.module
    if not any(name.startswith(f"{ADAPTERHUB}/") for name in card.files) or module is None:
        return
    adapter = layouts.get("adapterhub").read(inner, base)
    check_same(module, adapter.module, base.shape, str(inner))
    if of_weights(adapter.weights()) != card.own()[0].weights_sha256:
        raise ModelError(f"{adapter.file}: the hash of its weights differs from the card's")
    head, task = subject.package.head(), card.task
    if head is None or task is None:
        return
    file, names = inner / heads.ADAPTERS_HEAD, heads.in_adapters(task.form(), card.id)
    check_shapes(file, {names[own]: tuple(value.shape) for own, value in head.items()})
    written = tensors(file)
    for own, value in head.items():
        if not bool((written[names[own]] == value).all()):
            raise ModelError(f"{file}: {names[own]}: its numbers differ from {heads.HEAD}")


def trained(subject: Subject) -> str:
    """The package is trained: the module has an effect, and neither a linear map of the head nor the mixer is zero."""
    package = subject.package
    for name, value in (package.head() or {}).items():
        if value.dim() == 2 and not bool(value.any()):
            raise ModelError(f"{subject.folder / heads.HEAD}: all numbers of {name} are zero")
    mixer = [value for own in package.mixer().values() for value in own.values()]
    if mixer and not any(bool(value.any()) for value in mixer):
        raise ModelError(f"{subject.folder / MIXER}: all numbers are zero")
    module = package.module
    if module is None:
        return "neither head nor mixer is zero"
    fresh = untrained(package.stored_module())
    if fresh.wholly and not fresh.otherwise:
        raise ModelError(f"{subject.folder}: its {module.name} is untrained: {fresh.message()}")
    if fresh.wholly:
        return f"note: its {module.name} is untrained: {fresh.message()}"
    rest = f"; untrained at {', '.join(fresh.untouched[:3])}" if fresh.untouched else ""
    more = " and more" if len(fresh.untouched) > 3 else ""
    changed = fresh.places - len(fresh.untouched)
    return f"the {module.name} has an effect at {changed} of {fresh.places} sites{rest}{more}"


def configs(subject: Subject) -> str:
    """The configs for other libraries agree with the card, name its encoder, and have no other setting."""
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
            in_adapters = heads.adapters_config(form, labels, base, named, choices=card.task.choices)
            expected[f"{ADAPTERHUB}/{heads.HEAD_CONFIG}"] = in_adapters
    if not expected:
        raise SkippedError("the package has no config")
    patterns = module.in_peft.patterns if module is not None and module.in_peft is not None else frozenset[str]()
    exact = (*EXACT, *sorted(patterns))
    wrong = [
        f"{name}: {mistake}"
        for name, values in expected.items()
        for mistake in _differences(folder / name, values, exact)
    ]
    if wrong:
        raise MistakesError(str(folder), wrong)
    if module is not None and card.layout != MODULE_LAYOUT:
        subject.package.stored_module()  # reads the settings of the module, and refuses another module than the card's
    return f"{', '.join(expected)}: the settings agree with the card"


def _differences(file: Path, expected: Mapping[str, Any], settings: Collection[str]) -> Iterator[str]:
    """Yield a message for each difference of a config to Layover's; another check compares the module's settings."""
    actual = read_json(file)
    for name in sorted(set(actual) - set(expected)):
        yield f"{printable(name[:80])}: the module of the card does not have this setting"
    exact = expected if file.name == heads.HEAD_CONFIG else [name for name in settings if name in expected]
    for name in exact:
        if actual.get(name) != expected[name]:
            value = printable(str(actual.get(name))[:80])
            yield f"{name} is {value}, but {printable(str(expected[name])[:80])} on the card"
