"""How a module is written in the files of peft and of adapters, in a module's own words.

A module names layers, linear maps and weights; the layouts know what the encoder and the files call them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from layover.shape import Shape

Values = Mapping[str, Any]
Place = tuple[int, str]
"""A layer, and a name of `LINEARS` or `SUBLAYERS`."""


@dataclass(frozen=True)
class NoForm:
    """A layout has no form for a module."""

    reason: str


@dataclass(frozen=True)
class InFile:
    """A weight as a file has it."""

    place: Place
    """Where its name says that it stands."""
    end: str
    """The end of its name, `lora_A.weight`; `{}` stands for the name of the module."""
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Form:
    """A module in a layout."""

    settings: Values
    """Of its config: those that the module decides."""
    weights: Mapping[str, InFile]
    """Canonical name -> what the file has, in the order of `Module.sites`."""


@dataclass(frozen=True)
class InPeft:
    """How a config of peft is known to be a kind of module's, and what its settings and files may have."""

    type: str
    """`peft_type`."""
    ends: Mapping[str, str]
    """Name of a weight at a site -> the end of its name in a file."""
    settings: frozenset[str]
    """Those that are read, or decide nothing about finished weights, beside those that every config has."""
    checks: tuple[Callable[[Values], str], ...] = ()
    """Each returns what of a config has no meaning, a sentence; empty where it has."""
    switch: str = ""
    """The setting that is on for this kind alone, of several of one `peft_type`."""
    patterns: frozenset[str] = frozenset()
    """Settings with patterns, which peft runs: in a package they stand as Layover writes them."""


@dataclass(frozen=True)
class InAdapters:
    """How a config of adapters is known to be a kind of module's, and what its settings and files may have."""

    architecture: str | None
    """The setting of that name; None where it is absent."""
    ends: Mapping[str, str]
    """Name of a weight at a site -> the end of its name in a file, with `{}` for the name of the module."""
    usual: Values
    """Settings whose other values no module of Layover has."""
    settings: frozenset[str]
    """Those that are read."""
    mistakes: Callable[[Values], list[str]]
    """Returns what of the settings that are read has no meaning, a sentence each."""
    meaningless: frozenset[str] = frozenset()
    """Settings that decide nothing where the others are as usual."""
    called: Values = field(default_factory=dict)
    """Settings that by themselves make a module another one -> what it is then called."""
    switch: str = ""
    """The setting that is on for this kind alone, of several of one architecture."""


class Names(Protocol):
    """What peft calls the linear maps of an encoder."""

    @property
    def shape(self) -> Shape:
        """The sizes of the encoder."""

    def path(self, place: Place) -> str:
        """Return the full name of a linear map, without the encoder's own: `encoder.layer.3.output.dense`."""

    def targets(self, places: Sequence[Place]) -> str | list[str]:
        """Return linear maps as `target_modules` has them: the ends of their names, or a pattern."""


class PeftFolder(Protocol):
    """A folder of peft that is being read."""

    @property
    def values(self) -> Values:
        """The config."""

    @property
    def where(self) -> str:
        """The file of the config, for messages."""

    @property
    def num_layers(self) -> int:
        """Layers of the encoder."""

    @property
    def hidden(self) -> int:
        """Features of the encoder's hidden states."""

    @property
    def places(self) -> Mapping[Place, Mapping[str, tuple[int, ...]]]:
        """Linear map -> our name of a weight (`InPeft.ends`) -> its shape in the file."""

    def called(self, place: Place) -> str:
        """Return what the model that was saved calls a linear map."""

    def ruled(self, setting: str, place: Place, usual: Any) -> Any:
        """Return the value of the first pattern of a setting that names a linear map; `usual` where none does."""

    def chosen(self, setting: str, place: Place) -> bool:
        """Return whether a setting names a linear map: a pattern, or ends of names as texts."""


@dataclass(frozen=True)
class AdaptersFolder:
    """A folder of adapters that is being read."""

    config: Values
    """The settings of the module."""
    version: tuple[int, int] | None
    """Of the adapters that wrote it; None where it was none."""
    layers: str | tuple[int, ...]
    """Those that it is on, as a recipe writes them."""


def not_said(name: str, layout: str, method: str) -> NoForm:
    """Return that the file of a module says nothing of a layout."""
    return NoForm(f"Layover cannot write {name} as {layout} yet; its file does not say how (`{method}`)")
