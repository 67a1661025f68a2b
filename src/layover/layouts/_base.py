"""What every layout of modules is: names and settings in files, beside our own."""

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
    """The encoder that modules belong to: all that names and shapes of their weights depend on."""

    model_type: str
    """Of its transformers config."""
    shape: Shape

    @cached_property
    def family(self) -> Family:
        """Names of the encoder, inside it and in other libraries."""
        return family_of(self.model_type)

    @property
    def prefix(self) -> str:
        """What transformers calls the encoder inside a model with a head."""
        return self.family.prefix

    def path(self, layer: int, inside: str) -> str:
        """Return the full name of something inside a layer, without the encoder's own: `encoder.layer.3.output`."""
        return f"{self.family.layers}.{layer}.{inside}"

    def inside(self, place: str) -> str:
        """Return the path inside a layer of what a name of `LINEARS` or `SUBLAYERS` stands for."""
        return self.family.sublayers[place] if place in SUBLAYERS else self.family.linears[place]

    def full(self, place: Place) -> str:
        """Return the full name of a linear map or a sublayer; see `path`."""
        return self.path(place[0], self.inside(place[1]))

    def split(self, path: str) -> tuple[int, str] | None:
        """Return layer and rest of such a name, with the encoder's own before it or without; None for any other."""
        number = r"(0|[1-9]\d{0,3})"
        found = re.fullmatch(rf"(?:{self.prefix}\.)?{re.escape(self.family.layers)}\.{number}\.(.+)", path, re.ASCII)
        return None if found is None else (int(found[1]), found[2])


@dataclass(frozen=True)
class WrittenNames:
    """What is written of a module beside its settings."""

    name: str
    """Its own name."""
    model: str | None
    """Hub id of the encoder, never a path; None where it has none."""
    revision: str | None
    """Commit of the hub."""


@dataclass(frozen=True)
class StoredModule:
    """A module that a folder holds."""

    module: Module
    names: Mapping[str, str]
    """Canonical name of a weight -> its name in the file."""
    shapes: Mapping[str, tuple[int, ...]]
    """Canonical name -> the module's own shape, as which the file's is read."""
    file: Path
    left_out: tuple[str, ...] = ()
    """What else is in the file and is no part of a module: a head's weights."""
    factors: Mapping[str, str] = field(default_factory=dict)
    """Canonical name of a weight -> name in the file of numbers that it is multiplied by; of as many numbers."""
    model: str | None = None
    """What its config calls the encoder that it was trained on; for people, and never gone to."""

    def weights(self) -> dict[str, Tensor]:
        """Return the weights by canonical name, float32.

        Raises:
            ModelError: the file is damaged, or a weight is not finite.
        """
        values = tensors(self.file, [*self.names.values(), *self.factors.values()])
        found = {name: self._shaped(name, theirs, values) for name, theirs in self.names.items()}
        for name, theirs in self.factors.items():
            found[name] = found[name] * self._shaped(name, theirs, values)
        return found

    def _shaped(self, name: str, theirs: str, values: Mapping[str, Tensor]) -> Tensor:
        """Return a weight of the file in the module's own shape."""
        if values[theirs].numel() != prod(self.shapes[name]):
            raise ModelError(f"{self.file}: {theirs}: has changed since its shape was looked at")
        return values[theirs].reshape(self.shapes[name])


class Layout(ABC):
    """One way to lay a module down in files; stateless."""

    name: ClassVar[str]
    owner: ClassVar[str]
    """Whose layout it is, for people: `AdapterHub`."""
    library: ClassVar[str]
    """For people: `peft`."""
    file: ClassVar[str]
    """The name of the file with the weights."""
    pickle: ClassVar[str]
    """The name of the file that others may have them in, which is never read."""
    advice: ClassVar[str]
    """What to do when there is nothing else."""
    mark: ClassVar[str]
    """The setting by which a config is known."""

    @property
    @abstractmethod
    def kinds(self) -> Mapping[type[Module], Mapping[str, str]]:
        """The kinds of modules that are read -> name of a weight -> the end of its name in the file."""

    @property
    def describe(self) -> str:
        """What is read, for people: `peft's LoRA and IA3 (adapter_config.json, adapter_model.safetensors)`."""
        return f"{self.owner}'s {listed([kind.called() for kind in self.kinds])} ({CONFIG}, {self.file})"

    @property
    def neutral(self) -> Mapping[str, float]:
        """End of a weight's name -> the number of which all of it is before training; see `Module.neutral`."""
        return {
            _after_name(ends[weight]): number
            for kind, ends in self.kinds.items()
            for weight, number in kind.neutral.items()
            if weight in ends
        }

    @property
    def acts_otherwise(self) -> tuple[str, ...]:
        """Ends of the names of weights that `Module.acts_otherwise` has."""
        return tuple(_after_name(ends[weight]) for kind, ends in self.kinds.items() for weight in kind.acts_otherwise)

    @abstractmethod
    def stated(self, module: Module, base: Base) -> Form | NoForm:
        """Return what a module's own class says of this layout."""

    def form(self, module: Module, base: Base) -> Form | NoForm:
        """Return a module as this layout has it, or why there is no form for it: what is written is read, too."""
        form = self.stated(module, base)
        if isinstance(form, Form) and type(module) not in self.kinds:
            return NoForm(f"Layover cannot read {module.name} as {self.library} yet; its file does not say how")
        return form

    @abstractmethod
    def called(self, weight: InFile, base: Base, name: str) -> str:
        """Return what the file calls a weight of the module of a name."""

    def refuses(self, module: Module, base: Base) -> str:
        """Return why a module has no form in this layout; empty when it has."""
        form = self.form(module, base)
        return form.reason if isinstance(form, NoForm) else ""

    def formed(self, module: Module, base: Base) -> Form:
        """Return a module as this layout has it.

        Raises:
            ModelError: it has no form for it.
        """
        form = self.form(module, base)
        if isinstance(form, NoForm):
            raise ModelError(f"{module.name} has no form in the layout {self.name}: {form.reason}")
        return form

    @abstractmethod
    def config(self, module: Module, base: Base, named: WrittenNames) -> dict[str, Any]:
        """Return what stands in the config file.

        Args:
            module: One that the layout does not refuse.
            base: The encoder.
            named: What the module and its encoder are called.
        """

    def recognises(self, folder: Path) -> bool:
        """Return whether a folder is written in this layout.

        Raises:
            ModelError: it is, or may be, and its config cannot be read; or its weights are there as a pickle only.
        """
        if not is_there(folder / CONFIG) or self.mark not in read_json(folder / CONFIG):
            return False
        if not is_there(folder / self.file) and is_there(folder / self.pickle):
            raise ModelError(
                f"{folder}: its weights are there as {self.pickle} only, a pickle, which could run any program when it "
                f"is opened; it is not read. {self.advice}"
            )
        return True

    @abstractmethod
    def mistakes(self, config: Mapping[str, Any]) -> list[str]:
        """Return what of a config means nothing here, whatever the encoder: a sentence each, all of it at once."""

    def checked(self, folder: Path) -> dict[str, Any]:
        """Return the config in a folder.

        Raises:
            MistakesError: something in it means nothing here, whatever the encoder.
        """
        config = read_json(folder / CONFIG)
        if found := self.mistakes(config):
            raise MistakesError(str(folder / CONFIG), found)
        return config

    @abstractmethod
    def read(self, folder: Path, base: Base) -> StoredModule:
        """Return what a folder holds, fitted to an encoder.

        Raises:
            ModelError: something in it has no meaning here, is missing, is too much, or does not fit the encoder:
                nothing is ever half loaded.
        """

    def laid_out(self, module: Module, base: Base, name: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return weights under the layout's names and in its shapes.

        Args:
            module: One that the layout does not refuse.
            base: The encoder.
            name: Of the module.
            weights: By canonical name, all of them.
        """
        found = {}
        for own, weight in self.formed(module, base).weights.items():
            value = weights[own].detach().cpu().reshape(weight.shape)
            found[self.called(weight, base, name)] = value.contiguous().clone()
        return found


@dataclass(frozen=True)
class Fitted:
    """A module of a file, of which names and shapes are compared.

    Args:
        module: Of the config.
        base: The encoder.
        file: With the weights.
    """

    module: Module
    base: Base
    file: Path

    def found(self, weights: Mapping[str, tuple[str, tuple[int, ...]]], left_out: Sequence[str] = ()) -> StoredModule:
        """Return the module whose names and shapes were compared with those of the file, in both directions.

        Args:
            weights: Canonical name -> name and shape in the file, of all of the module.
            left_out: What else may be in the file.

        Raises:
            ModelError: names the first weight that is missing, too much or of another shape.
        """
        there, module, file = header(self.file), self.module, self.file
        theirs, shapes = {own: name for own, (name, _) in weights.items()}, {}
        for site in module.sites(self.base.shape):
            for weight, size in module.weights(site).items():
                own = f"{site.name}.{weight}"
                shapes[own] = size
                name, shape = weights[own]
                _check(there.get(name), shape, f"{file}: {name}")
        extra = sorted(set(there) - set(theirs.values()) - set(left_out))
        if extra:
            raise ModelError(f"{file}: {extra[0]}: {module.name} has no such weight on this encoder")
        return StoredModule(module, theirs, shapes, file, tuple(left_out))


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
        ModelError: names the first.
    """
    for layer in layers:
        if layer >= base.shape.layers:
            raise ModelError(
                f"{where}: has weights for layer {layer}, but the encoder has {base.shape.layers} layers, numbered "
                f"0 to {base.shape.layers - 1}: it was trained on a deeper one"
            )


def named_model(value: object) -> str | None:
    """Return what a config calls an encoder, None where it says nothing that could be a name."""
    return value if isinstance(value, str) and value.isprintable() and 0 < len(value) <= 200 else None


def _after_name(end: str) -> str:
    """Return the rest of a weight's name behind that of the module."""
    return end.rpartition("{}.")[2]
