"""The base class of layouts: names and settings of modules in the files of other libraries."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from layover.errors import MistakesError, ModelError
from layover.escape import listed
from layover.families import Family, family_of
from layover.files.safe import Entry, header, is_there, read_json, tensors
from layover.modules import SUBLAYERS, Module
from layover.modules._forms import Form, InFile, NoForm, Place
from layover.shape import Shape

if TYPE_CHECKING:
    from torch import Tensor

CONFIG = "adapter_config.json"


@dataclass(frozen=True)
class Base:
    """The encoder of a module, as type and sizes, which decide names and shapes of the weights."""

    model_type: str
    """`model_type` of its transformers config."""
    shape: Shape

    @cached_property
    def family(self) -> Family:
        """The names inside the encoder, and its names in other libraries."""
        return family_of(self.model_type)

    @property
    def prefix(self) -> str:
        """The name that transformers gives the encoder inside a model with a head."""
        return self.family.prefix

    def path(self, layer: int, inside: str) -> str:
        """Return the full name of a module inside a layer, without the encoder's prefix: `encoder.layer.3.output`."""
        return f"{self.family.layers}.{layer}.{inside}"

    def inside(self, place: str) -> str:
        """Return the path inside a layer for a name of `LINEARS` or `SUBLAYERS`."""
        return self.family.sublayers[place] if place in SUBLAYERS else self.family.linears[place]

    def full(self, place: Place) -> str:
        """Return the full name of a linear map or a sublayer; see `path`."""
        return self.path(place[0], self.inside(place[1]))

    def split(self, path: str) -> tuple[int, str] | None:
        """Return layer and rest of a full name, with or without the encoder's prefix, or None for other names."""
        number = r"(0|[1-9]\d{0,3})"
        match = re.fullmatch(rf"(?:{self.prefix}\.)?{re.escape(self.family.layers)}\.{number}\.(.+)", path, re.ASCII)
        return None if match is None else (int(match[1]), match[2])


@dataclass(frozen=True)
class WrittenNames:
    """The names of a module and its encoder that are written in addition to the settings."""

    name: str
    """Name of the module."""
    model: str | None
    """Hub id of the encoder, never a path; None if it has no hub id."""
    revision: str | None
    """Commit on the hub."""


@dataclass(frozen=True)
class StoredModule:
    """A module in a folder."""

    module: Module
    names: Mapping[str, str]
    """Canonical name of a weight -> its name in the file."""
    shapes: Mapping[str, tuple[int, ...]]
    """Canonical name -> the module's own shape; the shape in the file may differ."""
    file: Path
    left_out: tuple[str, ...] = ()
    """Other weights in the file, which belong to a head."""
    factors: Mapping[str, str] = field(default_factory=dict)
    """Canonical name of a weight -> name in the file of its factors, one factor per number of the weight."""
    model: str | None = None
    """The name of its encoder in the config; it is displayed and never opened."""

    def weights(self) -> dict[str, Tensor]:
        """Return the weights by canonical name, float32.

        Raises:
            ModelError: the file is damaged, or a weight is not finite.
        """
        values = tensors(self.file, [*self.names.values(), *self.factors.values()])
        weights = {name: self._shaped(name, in_file, values) for name, in_file in self.names.items()}
        for name, in_file in self.factors.items():
            weights[name] = weights[name] * self._shaped(name, in_file, values)
        return weights

    def _shaped(self, name: str, in_file: str, values: Mapping[str, Tensor]) -> Tensor:
        """Return a weight of the file in the module's own shape."""
        if values[in_file].numel() != prod(self.shapes[name]):
            raise ModelError(f"{self.file}: {in_file}: its shape has changed while the file was read; start again")
        return values[in_file].reshape(self.shapes[name])


class Layout(ABC):
    """A way to write a module into files; stateless."""

    name: ClassVar[str]
    owner: ClassVar[str]
    """The owner of the layout, for display: `AdapterHub`."""
    library: ClassVar[str]
    """The library, for display: `peft`."""
    file: ClassVar[str]
    """The name of the file with the weights."""
    pickle: ClassVar[str]
    """The name of a pickle with the weights, which is never read."""
    advice: ClassVar[str]
    """What to do if there is only the pickle."""
    mark: ClassVar[str]
    """The setting that identifies a config of this layout."""

    @property
    @abstractmethod
    def kinds(self) -> Mapping[type[Module], Mapping[str, str]]:
        """Readable kind of modules -> name of a weight -> the end of its name in the file."""

    @property
    def describe(self) -> str:
        """The readable modules, for display: `peft's LoRA and IA3 (adapter_config.json, adapter_model.safetensors)`."""
        return f"{self.owner}'s {listed([kind.called() for kind in self.kinds])} ({CONFIG}, {self.file})"

    @property
    def neutral(self) -> Mapping[str, float]:
        """End of a weight's name -> the initial value of all its numbers; see `Module.neutral`."""
        return {
            _after_name(ends[weight]): number
            for kind, ends in self.kinds.items()
            for weight, number in kind.neutral.items()
            if weight in ends
        }

    @property
    def acts_otherwise(self) -> tuple[str, ...]:
        """Ends of the names of the weights of `Module.acts_otherwise`."""
        return tuple(_after_name(ends[weight]) for kind, ends in self.kinds.items() for weight in kind.acts_otherwise)

    @abstractmethod
    def stated(self, module: Module, base: Base) -> Form | NoForm:
        """Return the form that the module's class declares for this layout."""

    def form(self, module: Module, base: Base) -> Form | NoForm:
        """Return the form of a module in this layout, or the reason why there is none; only readable forms count."""
        form = self.stated(module, base)
        if isinstance(form, Form) and type(module) not in self.kinds:
            return NoForm(f"Layover cannot read {module.name} in {self.library}'s layout: its class does not define it")
        return form

    @abstractmethod
    def called(self, weight: InFile, base: Base, name: str) -> str:
        """Return the name in the file of a weight, for the given name of the module."""

    def refuses(self, module: Module, base: Base) -> str:
        """Return why a module has no form in this layout; empty if it has one."""
        form = self.form(module, base)
        return form.reason if isinstance(form, NoForm) else ""

    def formed(self, module: Module, base: Base) -> Form:
        """Return the form of a module in this layout.

        Raises:
            ModelError: the layout has no form for the module.
        """
        form = self.form(module, base)
        if isinstance(form, NoForm):
            raise ModelError(f"{module.name} has no form in the layout {self.name}: {form.reason}")
        return form

    @abstractmethod
    def config(self, module: Module, base: Base, named: WrittenNames) -> dict[str, Any]:
        """Return the content of the config file.

        Args:
            module: A module that the layout does not refuse.
            base: The encoder.
            named: The names of the module and its encoder.
        """

    def recognises(self, folder: Path) -> bool:
        """Return whether a folder has this layout.

        Raises:
            ModelError: its config cannot be read, or its weights are only in a pickle.
        """
        if not is_there(folder / CONFIG) or self.mark not in read_json(folder / CONFIG):
            return False
        if not is_there(folder / self.file) and is_there(folder / self.pickle):
            raise ModelError(
                f"{folder}: its weights are only in {self.pickle}, a pickle. Opening a pickle can run any program, so "
                f"it is not read. {self.advice}"
            )
        return True

    @abstractmethod
    def mistakes(self, config: Mapping[str, Any]) -> list[str]:
        """Return all errors of a config that do not depend on the encoder, one sentence each."""

    def checked(self, folder: Path) -> dict[str, Any]:
        """Return the config in a folder.

        Raises:
            MistakesError: the config has errors that do not depend on the encoder.
        """
        config = read_json(folder / CONFIG)
        if messages := self.mistakes(config):
            raise MistakesError(str(folder / CONFIG), messages)
        return config

    @abstractmethod
    def read(self, folder: Path, base: Base) -> StoredModule:
        """Return the module in a folder, fitted to an encoder.

        Raises:
            ModelError: a setting is unknown, a weight is missing or unexpected, or the module does not fit the encoder.
                A module is never loaded in part.
        """

    def laid_out(self, module: Module, base: Base, name: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights with the names and shapes of the layout.

        Args:
            module: A module that the layout does not refuse.
            base: The encoder.
            name: Name of the module.
            weights: All weights of the module, by canonical name.
        """
        values = {}
        for own, weight in self.formed(module, base).weights.items():
            value = weights[own].detach().cpu().reshape(weight.shape)
            values[self.called(weight, base, name)] = value.contiguous().clone()
        return values


@dataclass(frozen=True)
class Fitted:
    """A module and its file, whose names and shapes are compared.

    Args:
        module: The module that the config describes.
        base: The encoder.
        file: The file with the weights.
    """

    module: Module
    base: Base
    file: Path

    def stored_module(
        self, weights: Mapping[str, tuple[str, tuple[int, ...]]], left_out: Sequence[str] = ()
    ) -> StoredModule:
        """Return the stored module, after a comparison of names and shapes with the file in both directions.

        Args:
            weights: Canonical name -> name and shape in the file, of all weights of the module.
            left_out: Names of other weights that the file may have.

        Raises:
            ModelError: names the first weight that is missing, unexpected or of another shape.
        """
        there, module, file = header(self.file), self.module, self.file
        names, shapes = {own: name for own, (name, _) in weights.items()}, {}
        for site in module.sites(self.base.shape):
            for weight, size in module.weights(site).items():
                own = f"{site.name}.{weight}"
                shapes[own] = size
                name, shape = weights[own]
                _check(there.get(name), shape, f"{file}: {name}")
        extra = sorted(set(there) - set(names.values()) - set(left_out))
        if extra:
            raise ModelError(f"{file}: {extra[0]}: {module.name} has no such weight on this encoder")
        return StoredModule(module, names, shapes, file, tuple(left_out))


def _check(entry: Entry | None, shape: tuple[int, ...], where: str) -> None:
    if entry is None:
        raise ModelError(f"{where}: is missing; the module does not cover this encoder")
    if entry.shape != shape:
        raise ModelError(
            f"{where}: has the shape {list(entry.shape)}, but {list(shape)} is needed: it belongs to an encoder of "
            "another size, or to other settings"
        )


def layers_in(base: Base, layers: Sequence[int], where: str) -> None:
    """Refuse layers that an encoder does not have.

    Raises:
        ModelError: names the first of these layers.
    """
    for layer in layers:
        if layer >= base.shape.layers:
            raise ModelError(
                f"{where}: has weights for layer {layer}, but the encoder has {base.shape.layers} layers, numbered "
                f"0 to {base.shape.layers - 1}: the module was trained on a deeper encoder"
            )


def named_model(value: object) -> str | None:
    """Return the name of the encoder in a config, or None if the value cannot be a name."""
    return value if isinstance(value, str) and value.isprintable() and 0 < len(value) <= 200 else None


def _after_name(end: str) -> str:
    """Return the part of a weight's name after the name of the module."""
    return end.rpartition("{}.")[2]
