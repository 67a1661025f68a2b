"""The form of a module in the files of peft and of adapters, in Layover's own names.

A module names layers, linear maps and weights; the layouts translate these to the names of the encoder and the files.
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
    """The reason why a layout has no form for a module."""

    reason: str


@dataclass(frozen=True)
class InFile:
    """A weight in a file."""

    place: Place
    """The place that its name in the file contains."""
    end: str
    """The end of its name, `lora_A.weight`; `{}` is a placeholder for the name of the module."""
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Form:
    """A module in a layout."""

    settings: Values
    """The settings of its config that depend on the module."""
    weights: Mapping[str, InFile]
    """Canonical name -> the weight in the file, in the order of `Module.sites`."""


@dataclass(frozen=True)
class InPeft:
    """The marks of a kind of module in a config of peft, and the allowed settings and weights."""

    type: str
    """The value of `peft_type`."""
    ends: Mapping[str, str]
    """Name of a weight at a site -> the end of its name in a file."""
    settings: frozenset[str]
    """Settings that Layover reads, or that have no effect on finished weights; common settings are not listed."""
    checks: tuple[Callable[[Values], str], ...] = ()
    """Each returns a sentence that names a mistake in a config; empty if there is none."""
    switch: str = ""
    """The setting that is on for this kind only, among several kinds with the same `peft_type`."""
    patterns: frozenset[str] = frozenset()
    """Settings with patterns that peft evaluates; in a package they must be as Layover writes them."""


@dataclass(frozen=True)
class InAdapters:
    """The marks of a kind of module in a config of adapters, and the allowed settings and weights."""

    architecture: str | None
    """The value of the setting `architecture`; None if absent."""
    ends: Mapping[str, str]
    """Name of a weight at a site -> the end of its name in a file, with `{}` for the name of the module."""
    usual: Values
    """Settings for which Layover's modules support one value only."""
    settings: frozenset[str]
    """Settings that Layover reads."""
    mistakes: Callable[[Values], list[str]]
    """Returns a sentence for each mistake in the settings that are read."""
    meaningless: frozenset[str] = frozenset()
    """Settings that have no effect if the others have their usual values."""
    called: Values = field(default_factory=dict)
    """Setting that makes the module one of another kind -> a sentence that names this kind."""
    switch: str = ""
    """The setting that is on for this kind only, among several kinds with the same architecture."""


class Names(Protocol):
    """The names that peft uses for the linear maps of an encoder."""

    @property
    def shape(self) -> Shape:
        """The sizes of the encoder."""

    def path(self, place: Place) -> str:
        """Return the full name of a linear map inside the encoder: `encoder.layer.3.output.dense`."""

    def targets(self, places: Sequence[Place]) -> str | list[str]:
        """Return linear maps in the form of `target_modules`: the ends of their names, or a pattern."""


class PeftFolder(Protocol):
    """A folder of peft that Layover reads."""

    @property
    def values(self) -> Values:
        """The config."""

    @property
    def where(self) -> str:
        """The file of the config, for messages."""

    @property
    def num_layers(self) -> int:
        """The number of layers of the encoder."""

    @property
    def hidden(self) -> int:
        """The number of features of the encoder's hidden states."""

    @property
    def places(self) -> Mapping[Place, Mapping[str, tuple[int, ...]]]:
        """Linear map -> our name of a weight (`InPeft.ends`) -> its shape in the file."""

    def called(self, place: Place) -> str:
        """Return the name of a linear map in the saved model."""

    def ruled(self, setting: str, place: Place, usual: Any) -> Any:
        """Return the value of the first pattern of a setting that matches a linear map; `usual` if none matches."""

    def chosen(self, setting: str, place: Place) -> bool:
        """Return whether a setting selects a linear map, by a pattern or by the ends of names."""


@dataclass(frozen=True)
class AdaptersFolder:
    """A folder of adapters that Layover reads."""

    config: Values
    """The settings of the module."""
    version: tuple[int, int] | None
    """The version of adapters that wrote it; None if another program wrote it."""
    layers: str | tuple[int, ...]
    """The layers that it adapts, as a recipe writes them."""


def unwritten(name: str, layout: str, method: str) -> NoForm:
    """Return the reason that a module does not define its form in a layout."""
    return NoForm(f"Layover cannot write {name} as {layout} yet: the module does not define `{method}`")
