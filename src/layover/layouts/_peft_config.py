"""What a config of peft means on an encoder: which linear maps it changes. How, the module says that it is of.

Source: peft 0.21, `check_target_module_exists` and `get_pattern_key`. The names of linear maps are those of the model
that the file was saved of, with the encoder's own name before them where that model had a head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from layover.errors import ModelError, shown
from layover.layouts._base import Base
from layover.layouts._patterns import Patterns
from layover.modules import Module
from layover.modules._base import FromFile
from layover.modules._forms import Place

Path = tuple[int, str]
"""A layer, and the path inside it of a linear map."""
Paths = Mapping[Path, Mapping[str, tuple[int, ...]]]
"""Path -> our name of a weight -> its shape in the file."""

ALL_LINEAR = "all-linear"


@dataclass(frozen=True)
class Read:
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
        names = {path: name for name, path in self.base.points.linears.items()}
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
            for path in self.base.points.linears.values()
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
        known = self.base.points.layers
        usual = (known, known.rpartition(".")[2], known.replace(".", r"\."))
        if not all(name in usual for name in (names if isinstance(names, list) else [names] if names else [])):
            raise ModelError(f"{self.where}: layers_pattern is {shown(names)}; the layers are called {usual[1]}")
        return frozenset(numbers)
