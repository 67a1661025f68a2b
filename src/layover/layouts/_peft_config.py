"""A config of peft: what is refused of it whatever the encoder, and which linear maps it changes on one.

How they change, the module says that the config is of. The names of linear maps are those of the model that the file
was saved of, with the encoder's own name before them where that model had a head.
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
"""A layer, and the path inside it of a linear map."""
Paths = Mapping[Path, Mapping[str, tuple[int, ...]]]
"""Path -> our name of a weight -> its shape in the file."""

ALL_LINEAR = "all-linear"
HEADS = ("classifier", "score", "qa_outputs")
"""What transformers calls heads, of which peft keeps all weights beside a module (`modules_to_save`)."""
_COMMON = {
    *("auto_mapping", "base_model_name_or_path", "revision", "peft_type", "peft_version", "task_type"),
    *("exclude_modules", "inference_mode", "layers_pattern", "layers_to_transform", "modules_to_save"),
    "target_modules",
}
"""Settings of every config that are read, or decide nothing about finished weights."""


@dataclass(frozen=True)
class PeftConfig:
    """A config that is being read.

    Args:
        values: Of the file.
        base: The encoder.
        short: The encoder's own name is in no key, as in a file that was saved of an encoder without a head.
        where: The file, for messages.
        paths: What the file has weights for.
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
        """Return what the model that was saved calls a linear map."""
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
        """Return whether a setting names a place; in a list peft takes ends of texts, not of names."""
        chosen, key = self._chosen(setting), self.called(place)
        if isinstance(chosen, str):
            return self.patterns.whole(chosen, key)
        return any(key[at:] in chosen for at in range(len(key) + 1))

    def module(self, kind: type[Module]) -> FromFile:
        """Return the module that the config means, given its kind and what the file has weights for.

        Raises:
            ModelError: the two do not agree, or something in it has no meaning here.
        """
        self._all_there()
        return kind.from_peft(self)

    def _all_there(self) -> None:
        """Refuse a file with weights for other linear maps than its config asks for on this encoder."""
        asked, places, layers = self._asked(), self.paths, self.num_layers
        wanted = (
            (layer, path)
            for layer in range(layers)
            for path in self.base.family.linears.values()
            if asked((layer, path))
        )
        expected = set(wanted)
        for place in sorted(expected - set(places)):
            raise ModelError(
                f"{self.where}: asks for {self.key(place)}, and the file has no weights for it: it is not whole, or "
                f"was trained on an encoder with fewer layers than this one's {layers}"
            )
        for place in sorted(set(places) - expected):
            raise ModelError(f"{self.where}: does not ask for {self.key(place)}, but the file has weights for it")

    def _asked(self) -> Callable[[Path], bool]:
        """Return whether the config asks for a linear map, as peft decides it."""
        target, excluded = self._chosen("target_modules"), self._chosen("exclude_modules")
        layers = self._layers()

        def chosen(one: str | frozenset[str], key: str) -> bool:
            if isinstance(one, str):
                return self.patterns.whole(one, key)
            parts = key.split(".")
            return any(".".join(parts[start:]) in one for start in range(len(parts)))

        def asked(place: Path) -> bool:
            key = self.key(place)
            if chosen(excluded, key):
                return False
            everywhere = isinstance(target, str) and target.lower() == ALL_LINEAR
            return everywhere or (chosen(target, key) and (layers is None or place[0] in layers))

        return asked

    def _chosen(self, setting: str) -> str | frozenset[str]:
        """Return a pattern of names, or the ends of names; none where it is not there."""
        value: Any = self.values.get(setting)
        return value if isinstance(value, str) else frozenset(value or ())

    def _layers(self) -> frozenset[int] | None:
        """Return the only layers that the config asks for; None for all."""
        value, names = self.values.get("layers_to_transform"), self.values.get("layers_pattern")
        numbers = value if isinstance(value, list) else [] if value is None else [value]
        if not numbers:
            return None
        known = self.base.family.layers
        usual = (known, known.rpartition(".")[2], known.replace(".", r"\."))
        if not all(name in usual for name in (names if isinstance(names, list) else [names] if names else [])):
            raise ModelError(f"{self.where}: layers_pattern is {shown(names)}; the layers are called {usual[1]}")
        return frozenset(numbers)


def mistakes(values: Values) -> list[str]:
    """Return what is refused of a config, in a sentence each; nothing where only an encoder can tell more."""
    kind = kind_of(values)
    if kind is None:
        merged = "where peft can merge_and_unload() it into the encoder, save that and name it under models"
        return [f"peft_type {shown(values.get('peft_type'))}: Layover has {_known()}; {merged}"]
    form = kinds()[kind]
    unknown = [
        f"{shown(name)} is {shown(value)}: not known here; what it does would be lost"
        for name, value in values.items()
        if value and name not in _COMMON and name not in form.settings
    ]
    return [*unknown, *(text for check in (*_EVERY, *form.checks) if (text := check(values)))]


def kind_of(values: Values) -> type[Module] | None:
    """Return the kind of modules that a config is of; None where no module of Layover says that it is."""
    asked = {kind: form.switch for kind, form in kinds().items() if form.type == values.get("peft_type")}
    switched = [kind for kind, switch in asked.items() if switch and values.get(switch)]
    return next(iter([*switched, *(kind for kind, switch in asked.items() if not switch)]), None)


def kinds() -> dict[type[Module], InPeft]:
    """Return how each kind of modules is known that says how peft writes it."""
    every = (kind for kind in modules.every() if kind.states("in_peft"))
    return {kind: kind.in_peft for kind in every if kind.in_peft is not None}


def _known() -> str:
    """Return the types of peft that are read, and the settings that make other modules of them."""
    types = listed([*dict.fromkeys(form.type for form in kinds().values())])
    switches = ", ".join(f"{kind.called()}: {form.switch}" for kind, form in kinds().items() if form.switch)
    return f"{types} ({switches})" if switches else types


def are_texts(value: object) -> bool:
    """Return whether a value is a list of texts."""
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _targets(values: Values) -> str:
    return _chosen(values, "target_modules")


def _excluded(values: Values) -> str:
    return "" if values.get("exclude_modules") is None else _chosen(values, "exclude_modules")


def _chosen(values: Values, setting: str) -> str:
    value = values.get(setting)
    if isinstance(value, str) or are_texts(value):
        return ""
    return f"{setting} is {shown(value)}, neither a pattern nor a list of names"


def _saved(values: Values) -> str:
    """Return what is wrong with the parts that were trained as a whole; only heads can be left out."""
    value: Any = values.get("modules_to_save")
    if value is None:
        return ""
    if not are_texts(value):
        return f"modules_to_save is {shown(value)}, no list of names"
    if all(name.rpartition(".")[2] in HEADS for name in value):
        return ""
    return (
        f"modules_to_save is {shown(value)}: other parts than a head ({', '.join(HEADS)}) were trained as a whole, "
        "which no module of Layover does"
    )


def _layers(values: Values) -> str:
    value, names = values.get("layers_to_transform"), values.get("layers_pattern")
    numbers = value if isinstance(value, list) else [] if value is None else [value]
    by_pattern = isinstance(values.get("target_modules"), str) and not (value is None and names is None)
    if by_pattern or not all(type(one) is int and one >= 0 for one in numbers):
        return (
            f"layers_to_transform is {shown(value)}; it is a list of numbers, beside target_modules that are a list of "
            "names"
        )
    if names and not value:
        return f"layers_pattern is {shown(names)}, beside no layers_to_transform"
    if names is not None and not isinstance(names, str) and not are_texts(names):
        return f"layers_pattern is {shown(names)}, neither a name nor a list of names"
    return ""


_EVERY = (_targets, _excluded, _saved, _layers)
