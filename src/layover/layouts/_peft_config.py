"""A config of peft: its errors that do not depend on the encoder, and the linear maps that it changes on an encoder.

The class of the module says how they change. The names of linear maps come from the saved model; they begin with the
encoder's prefix if that model had a head.
Source: peft 0.21, `PeftConfig` and its subclasses, `check_target_module_exists` and `get_pattern_key`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from layover import modules
from layover.errors import ModelError, shown
from layover.escape import listed
from layover.layouts._base import Base
from layover.layouts._patterns import Patterns
from layover.modules import Module
from layover.modules._base import FromFile
from layover.modules._forms import InPeft, Place, Values

Path = tuple[int, str]
"""A layer, and the path of a linear map inside it."""
Paths = Mapping[Path, Mapping[str, tuple[int, ...]]]
"""Path -> Layover's name of a weight -> its shape in the file."""

ALL_LINEAR = "all-linear"
HEADS = ("classifier", "score", "qa_outputs")
"""Names of heads in transformers; peft saves all their weights with a module (`modules_to_save`)."""
_COMMON = {
    *("auto_mapping", "base_model_name_or_path", "revision", "peft_type", "peft_version", "task_type"),
    *("exclude_modules", "inference_mode", "layers_pattern", "layers_to_transform", "modules_to_save"),
    "target_modules",
}
"""Settings of every config that are read, or that do not change how finished weights compute."""


@dataclass(frozen=True)
class PeftConfig:
    """A config, the encoder, and the weights of the file.

    Args:
        values: The values of the config.
        base: The encoder.
        short: No key has the encoder's prefix, because the saved model was an encoder without a head.
        where: The file, for messages.
        paths: The linear maps that the file has weights for.
    """

    values: Mapping[str, Any]
    base: Base
    short: bool
    where: str
    paths: Paths

    @cached_property
    def patterns(self) -> Patterns:
        """The patterns of the config."""
        return Patterns(self.where)

    def key(self, place: Path) -> str:
        """Return the name of a linear map in the saved model."""
        path = self.base.path(*place)
        return path if self.short else f"{self.base.prefix}.{path}"

    @property
    def num_layers(self) -> int:
        return self.base.shape.layers

    @property
    def hidden(self) -> int:
        return self.base.shape.hidden

    @cached_property
    def places(self) -> Mapping[Place, Mapping[str, tuple[int, ...]]]:
        names = {path: name for name, path in self.base.family.linears.items()}
        return {(layer, names[path]): shapes for (layer, path), shapes in self.paths.items()}

    def called(self, place: Place) -> str:
        return self.key((place[0], self.base.inside(place[1])))

    def ruled(self, setting: str, place: Place, usual: Any) -> Any:
        key = self.called(place)
        for pattern, value in self.values.get(setting, {}).items():
            if self.patterns.begins(rf"(.*\.)?({pattern})$", key):
                return value
        return usual

    def chosen(self, setting: str, place: Place) -> bool:
        """Return whether a setting names a place; peft compares a list with ends of the text, not of names."""
        chosen, key = self._chosen(setting), self.called(place)
        if isinstance(chosen, str):
            return self.patterns.whole(chosen, key)
        return any(key[at:] in chosen for at in range(len(key) + 1))

    def module(self, kind: type[Module]) -> FromFile:
        """Return the module that the config and the weights of the file describe.

        Raises:
            ModelError: the two disagree, or a setting is unknown.
        """
        self._all_there()
        return kind.from_peft(self)

    def _all_there(self) -> None:
        """Refuse a file whose weights are for other linear maps than its config names on this encoder."""
        targeted, places, layers = self._targeted(), self.paths, self.num_layers
        wanted = (
            (layer, path)
            for layer in range(layers)
            for path in self.base.family.linears.values()
            if targeted((layer, path))
        )
        expected = set(wanted)
        for place in sorted(expected - set(places)):
            raise ModelError(
                f"{self.where}: names {self.key(place)}, but the file has no weights for it: the file is incomplete, "
                f"or its encoder has fewer layers than the {layers} of this encoder"
            )
        for place in sorted(set(places) - expected):
            raise ModelError(f"{self.where}: does not name {self.key(place)}, but the file has weights for it")

    def _targeted(self) -> Callable[[Path], bool]:
        """Return a function: linear map -> whether the config names it, by the rules of peft."""
        target, excluded = self._chosen("target_modules"), self._chosen("exclude_modules")
        layers = self._layers()

        def chosen(names: str | frozenset[str], key: str) -> bool:
            if isinstance(names, str):
                return self.patterns.whole(names, key)
            parts = key.split(".")
            return any(".".join(parts[start:]) in names for start in range(len(parts)))

        def targeted(place: Path) -> bool:
            key = self.key(place)
            if chosen(excluded, key):
                return False
            everywhere = isinstance(target, str) and target.lower() == ALL_LINEAR
            return everywhere or (chosen(target, key) and (layers is None or place[0] in layers))

        return targeted

    def _chosen(self, setting: str) -> str | frozenset[str]:
        """Return a pattern of names, or the ends of names; an empty set if the setting is absent."""
        value: Any = self.values.get(setting)
        return value if isinstance(value, str) else frozenset(value or ())

    def _layers(self) -> frozenset[int] | None:
        """Return the layers that the config is limited to, or None for all."""
        value, names = self.values.get("layers_to_transform"), self.values.get("layers_pattern")
        numbers = value if isinstance(value, list) else [] if value is None else [value]
        if not numbers:
            return None
        known = self.base.family.layers
        usual = (known, known.rpartition(".")[2], known.replace(".", r"\."))
        if not all(name in usual for name in (names if isinstance(names, list) else [names] if names else [])):
            raise ModelError(f"{self.where}: layers_pattern is {shown(names)}; the name of the layers is {usual[1]}")
        return frozenset(numbers)


def mistakes(values: Values) -> list[str]:
    """Return the errors of a config, one sentence each; errors that depend on the encoder are found later."""
    kind = kind_of(values)
    if kind is None:
        merged = "if peft can merge_and_unload() it into the encoder, save that encoder and name it under models"
        return [f"peft_type is {shown(values.get('peft_type'))}, but Layover reads {_known()}; {merged}"]
    form = kinds()[kind]
    unknown = [
        f"{shown(name)} is {shown(value)}, but Layover lacks this setting; its effect would be lost"
        for name, value in values.items()
        if value and name not in _COMMON and name not in form.settings
    ]
    return [*unknown, *(text for check in (*_EVERY, *form.checks) if (text := check(values)))]


def kind_of(values: Values) -> type[Module] | None:
    """Return the kind of modules that a config describes, or None if no module of Layover declares it."""
    switches = {kind: form.switch for kind, form in kinds().items() if form.type == values.get("peft_type")}
    switched = [kind for kind, switch in switches.items() if switch and values.get(switch)]
    return next(iter([*switched, *(kind for kind, switch in switches.items() if not switch)]), None)


def kinds() -> dict[type[Module], InPeft]:
    """Return kind of modules -> its form in peft, for every kind that declares one."""
    every = (kind for kind in modules.every() if kind.states("in_peft"))
    return {kind: kind.in_peft for kind in every if kind.in_peft is not None}


def _known() -> str:
    """Return the readable types of peft, and the settings that turn them into other modules."""
    types = listed([*dict.fromkeys(form.type for form in kinds().values())])
    switches = ", ".join(f"{kind.called()}: {form.switch}" for kind, form in kinds().items() if form.switch)
    return f"{types} ({switches})" if switches else types


def are_texts(value: object) -> bool:
    """Return whether a value is a list of texts."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _targets(values: Values) -> str:
    return _chosen(values, "target_modules")


def _excluded(values: Values) -> str:
    return "" if values.get("exclude_modules") is None else _chosen(values, "exclude_modules")


def _chosen(values: Values, setting: str) -> str:
    value = values.get(setting)
    if isinstance(value, str) or are_texts(value):
        return ""
    return f"{setting} is {shown(value)}, but must be a pattern or a list of names"


def _saved(values: Values) -> str:
    """Return the error in `modules_to_save`, whose modules were trained as a whole; only heads can be left out."""
    value: Any = values.get("modules_to_save")
    if value is None:
        return ""
    if not are_texts(value):
        return f"modules_to_save is {shown(value)}, but must be a list of names"
    if all(name.rpartition(".")[2] in HEADS for name in value):
        return ""
    return (
        f"modules_to_save is {shown(value)}, but Layover only reads heads in it ({', '.join(HEADS)}), no other fully "
        "trained modules"
    )


def _layers(values: Values) -> str:
    value, names = values.get("layers_to_transform"), values.get("layers_pattern")
    numbers = value if isinstance(value, list) else [] if value is None else [value]
    by_pattern = isinstance(values.get("target_modules"), str) and not (value is None and names is None)
    if by_pattern or not all(type(number) is int and number >= 0 for number in numbers):
        return (
            f"layers_to_transform is {shown(value)}, but must be a list of numbers, and target_modules a list of names"
        )
    if names and not value:
        return f"layers_pattern is {shown(names)}, but layers_to_transform is absent"
    if names is not None and not isinstance(names, str) and not are_texts(names):
        return f"layers_pattern is {shown(names)}, but must be a name or a list of names"
    return ""


_EVERY = (_targets, _excluded, _saved, _layers)
