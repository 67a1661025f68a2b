"""The base of every module: settings, the sites that it attaches to, and the change that it adds there."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import AfterValidator

from layover.canonical import CanonicalModel
from layover.errors import ModelError, nearest
from layover.identity import Json
from layover.modules._forms import (
    AdaptersFolder,
    Form,
    InAdapters,
    InFile,
    InPeft,
    Names,
    NoForm,
    PeftFolder,
    unwritten,
)
from layover.settings import LayerNumber
from layover.shape import Shape

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

LINEARS: dict[str, tuple[str, str]] = {
    "query": ("hidden", "hidden"),
    "key": ("hidden", "hidden"),
    "value": ("hidden", "hidden"),
    "attention_output": ("hidden", "hidden"),
    "intermediate": ("hidden", "intermediate"),
    "output": ("intermediate", "hidden"),
}
"""The linear maps of a layer, in the order of their use: name -> (size of the input, size of the output)."""

SUBLAYERS = ("attention", "feedforward")
"""The two halves of a layer, each of which ends in `LayerNorm(sublayer(x) + x)`."""

INNER = "inner"
"""The inner activations of the feed-forward part: the output of its activation function and the input of `output`."""

EMBEDDINGS = "embeddings"
"""The input of the first layer: the only place where a change can be undone, see `Module.undone`."""

_TOP = re.compile(r"top-([1-9]\d{0,2})")


def _known_layers(value: str | tuple[int, ...]) -> str | tuple[int, ...]:
    if isinstance(value, str):
        if value != "all" and _TOP.fullmatch(value) is None:
            raise ValueError(f"{value!r} does not name layers; write all, top-4 or a list such as [8, 9, 10, 11]")
        return value
    if not value or len(set(value)) != len(value):
        raise ValueError("a list of layers needs at least one number, and each number only once")
    return tuple(sorted(value))


def known_places(value: tuple[str, ...], places: Mapping[str, tuple[str, str]]) -> tuple[str, ...]:
    """Return the names of places in the order of `places`, so that the same module has one identity.

    Raises:
        ValueError: the list of names is empty, or a name is unknown.
    """
    if not value:
        raise ValueError(f"name at least one of: {', '.join(places)}")
    for name in value:
        if name not in places:
            raise ValueError(f"unknown target {name!r}; {nearest(name, places)}")
    return tuple(name for name in places if name in value)


def _known_linears(value: tuple[str, ...]) -> tuple[str, ...]:
    return known_places(value, LINEARS)


Layers = Annotated[str | tuple[LayerNumber, ...], AfterValidator(_known_layers)]
"""`all`, `top-N`, or a list of layer numbers counted from 0 at the bottom."""
Linears = Annotated[tuple[str, ...], AfterValidator(_known_linears)]
"""Names of `LINEARS`."""


def numbers_of(layers: str | tuple[int, ...], num_layers: int, name: str) -> tuple[int, ...]:
    """Return the numbers of layers, ascending.

    Args:
        layers: The layers as a recipe writes them.
        num_layers: The number of layers of the encoder.
        name: The name of the module, for the message.

    Raises:
        ModelError: the encoder does not have these layers.
    """
    if layers == "all":
        return tuple(range(num_layers))
    if isinstance(layers, str):
        count = int(layers.removeprefix("top-"))
        if count > num_layers:
            raise ModelError(f"{name}: layers is {layers}, but the encoder has {num_layers} layers")
        return tuple(range(num_layers - count, num_layers))
    if layers[-1] >= num_layers:
        raise ModelError(
            f"{name}: layer {layers[-1]} does not exist: the encoder has {num_layers} layers, numbered 0 to "
            f"{num_layers - 1}"
        )
    return layers


def as_layers(layers: Sequence[int], num_layers: int) -> str | tuple[int, ...]:
    """Return the numbers of layers as a recipe writes them."""
    numbers = tuple(sorted(set(layers)))
    return "all" if numbers == tuple(range(num_layers)) else numbers


@dataclass(frozen=True)
class Site:
    """A place in the encoder where a module adds something: a part of a layer, or the embeddings."""

    layer: int
    """The number of the layer; 0 for the embeddings, which are its input."""
    place: str
    """A name of `LINEARS` or `SUBLAYERS`, or `INNER` or `EMBEDDINGS`."""
    inputs: int
    """The number of input features."""
    outputs: int
    """The number of output features."""
    num_layers: int
    """The number of layers of the encoder, from which `top-4` is counted."""

    @property
    def name(self) -> str:
        """The first part of the canonical names of the weights here, `layers.3.query`."""
        return f"layers.{self.layer}.{self.place}"


PLACES = {**LINEARS, INNER: ("hidden", "intermediate")}
"""The places with an input and an output size: name -> (size of the input, size of the output)."""


def site_at(layer: int, place: str, shape: Shape) -> Site:
    """Return the site at one of `PLACES` in a layer."""
    sizes = {"hidden": shape.hidden, "intermediate": shape.intermediate}
    inputs, outputs = (sizes[name] for name in PLACES[place])
    return Site(layer, place, inputs, outputs, shape.layers)


@dataclass(frozen=True, eq=False)
class At:
    """The tensors that a module reads at a site."""

    hidden: Tensor
    """(B, T, outputs): the hidden states that the module changes, after the modules before it. At a linear map: its
    output. At `INNER`: the output of the activation function. At a sublayer: its output before the residual connection
    and the LayerNorm."""
    source: Tensor
    """(B, T, inputs). At a linear map: its input. At `INNER`: the input of the linear map before the activation
    function. At a sublayer: the other side of the residual connection. At the embeddings: the unchanged embeddings."""
    frozen: nn.Module
    """At a linear map: the map. At `INNER`: the linear map with the activation function. At a sublayer: its LayerNorm.
    At the embeddings: the whole embedding module."""

    @cached_property
    def normed(self) -> Tensor:
        """At a sublayer `LayerNorm(hidden + source)`, (B, T, outputs); computed once for all modules that read it."""
        normed: Tensor = self.frozen(self.hidden + self.source)
        return normed


class Module(CanonicalModel, ABC):
    """The settings of a module; every field affects results, so every field belongs to a node's identity.

    A module changes the hidden states at its sites: `hidden + delta`. It returns only the delta, so that a
    composition can sum, mix or gate the deltas of several modules.
    """

    name: ClassVar[str]
    """The name of the file, as recipes write it."""
    noun: ClassVar[str] = ""
    """The usual name in the field, `LoRA`; `name` is used if the class does not set it."""
    in_peft: ClassVar[InPeft | None] = None
    """The marks of this module in a folder of peft; None if Layover does not read it from peft."""
    in_adapters: ClassVar[InAdapters | None] = None
    """The marks of this module in a folder of adapters; None if Layover does not read it from adapters."""
    placing: ClassVar[frozenset[str]] = frozenset()
    """Settings that affect `sites`, `weights` and `scale` only."""
    neutral: ClassVar[Mapping[str, float]] = {}
    """Name of a weight at a site -> the value with which a fresh module changes nothing there."""
    acts_otherwise: ClassVar[tuple[str, ...]] = ()
    """Weights that can change the output even while the neutral weights have their initial values."""
    trains_encoder: ClassVar[bool] = True
    """Whether any weight inside the encoder trains."""
    whole: ClassVar[bool] = False
    """Whether its weights are all the weights of the encoder."""
    linear: ClassVar[bool] = False
    """Whether `delta` is a matrix times the input of a linear map, so that it can be folded into that map."""
    commutes: ClassVar[bool] = False
    """Whether several modules of this kind compute the same in any order."""
    exact: ClassVar[bool] = False
    """Whether its arithmetic gets float32 weights even if the encoder computes in bfloat16."""
    alone: ClassVar[str] = ""
    """The reason why it cannot act together with other modules; empty if it can."""
    default_lr: ClassVar[float]
    """The peak learning rate if the recipe sets none."""
    default_dropout: ClassVar[float] = 0.0
    """The dropout if the recipe sets none."""
    default_epochs: ClassVar[float] = 3.0
    """The passes over the training data if the recipe sets no number and the task has no larger one."""

    @classmethod
    def states(cls, attribute: str) -> bool:
        """Return whether the module's own class sets an attribute: an inherited value describes another module."""
        return attribute in vars(cls)

    @classmethod
    def called(cls) -> str:
        """Return the usual name of the module in the field."""
        return cls.noun if cls.states("noun") else cls.name

    def to_peft(self, names: Names) -> Form | NoForm:  # noqa: ARG002
        """Return the form of the module in peft's files, or the reason why they have none.

        Args:
            names: The names of the encoder's linear maps.
        """
        return unwritten(self.name, "peft", "to_peft")

    @classmethod
    def from_peft(cls, folder: PeftFolder) -> FromFile:
        """Return the module in a folder whose config matches `in_peft`.

        Raises:
            ModelError: a setting has no meaning here, or config and file do not agree.
        """
        raise ModelError(f"{folder.where}: Layover does not read {cls.name} as peft writes it")

    def to_adapters(self, shape: Shape) -> Form | NoForm:  # noqa: ARG002
        """Return the form of the module in adapters' files, or the reason why they have none.

        Args:
            shape: Sizes of the encoder.
        """
        return unwritten(self.name, "adapters", "to_adapters")

    @classmethod
    def from_adapters(cls, folder: AdaptersFolder) -> Module:  # noqa: ARG003
        """Return the module of a config that matches `in_adapters` and has no mistakes."""
        raise ModelError(f"Layover does not read {cls.name} as adapters writes it")

    def stacked_in_adapters(self) -> str:
        """Return why a stack of several computes something else in adapters than here; empty if both agree."""
        return f"Layover does not know whether adapters stacks several {self.name} modules as Layover does"

    @classmethod
    def joined(
        cls,
        weights: Mapping[Site, Sequence[Mapping[str, Tensor]]],  # noqa: ARG003
        shape: Shape,  # noqa: ARG003
    ) -> tuple[Module, dict[str, Tensor]]:
        """Return the single module that computes the same as a stack of modules, and its weights by canonical name.

        A module without this method cannot be joined; the sum of `linear` modules is always a LoRA.

        Args:
            weights: Site -> the weights of each module that acts there.
            shape: Sizes of the encoder.

        Raises:
            ModelError: no single module computes the same.
        """
        raise ModelError(f"several {cls.name} modules cannot be joined into one")

    def canonical(self) -> dict[str, Json]:
        """Return the name and the settings."""
        return {"name": self.name, **self.settings()}

    def only_for_languages(self) -> str:
        """Return why it can only be the adapter of a language; empty if a task can train it, too."""
        return ""

    @abstractmethod
    def layers_of(self, num_layers: int) -> tuple[int, ...]:
        """Return the layers that the module changes, ascending; the embeddings count as the first one.

        Raises:
            ModelError: the settings name layers that the encoder does not have, or leave no layer.
        """

    def sites(self, shape: Shape) -> tuple[Site, ...]:  # noqa: ARG002
        """Return the sites of the module, layer by layer in the order of their use.

        A module without sites does not need the next methods.
        """
        return ()

    def weights(self, site: Site) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the weights at a site."""
        raise NotImplementedError(f"{self.name} has no weights at {site.name}")

    def initialise(self, site: Site, frozen: nn.Module, generator: Generator) -> dict[str, Tensor]:
        """Return fresh weights for a site, float32, with which `delta` is exactly zero.

        Args:
            site: The site.
            frozen: The module that `At.frozen` will be there.
            generator: A generator of the CPU.
        """
        raise NotImplementedError(f"{self.name} has no weights at {site.name}")

    def seen(self, site: Site, at: At) -> Tensor:
        """Return the tensor that the module reads at a site, (B, T, inputs); a mixer reads it, too."""
        raise NotImplementedError(f"{self.name} reads nothing at {site.name}")

    def delta(self, site: Site, at: At, weights: Mapping[str, Tensor]) -> Tensor:
        """Return the change that the module adds at a site, (B, T, outputs)."""
        raise NotImplementedError(f"{self.name} adds nothing at {site.name}")

    def changed(self, site: Site, at: At, weights: Mapping[str, Tensor]) -> Tensor:
        """Return `at.hidden` plus `delta`, (B, T, outputs), for a module that acts by itself."""
        return at.hidden + self.delta(site, at, weights)

    def scale(self, site: Site) -> float:  # noqa: ARG002
        """Return the factor by which the module's change is multiplied at a site."""
        return 1.0

    def factors(self, site: Site, weights: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the two factors of a `linear` module's change of a linear map, (outputs, r) and (r, inputs)."""
        raise NotImplementedError(f"{self.name} changes no linear map at {site.name}")

    def undone(self, site: Site, changed: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        """Return the hidden states without the added `delta`, (..., H), for a site at the embeddings.

        The mlm head needs this: it compares hidden states with the word embeddings.
        """
        raise NotImplementedError(f"{self.name} cannot undo what it adds at {site.name}")

    def kept_numbers(self, shape: Shape) -> int:
        """Return the count of numbers per token that its training keeps for the backward pass, summed over all layers.

        The numbers that a frozen layer keeps to pass a gradient on are not counted. The default counts the inputs and
        outputs at each site; a module can return a better estimate.
        """
        return sum(site.inputs + site.outputs for site in self.sites(shape))

    def in_file(self, shape: Shape, ends: Mapping[str, str]) -> dict[str, InFile]:
        """Return canonical name -> the weight in a file of another library that has all weights in our shapes.

        Args:
            shape: Sizes of the encoder.
            ends: Name of a weight at a site -> the end of its name in the file.
        """
        return {
            f"{site.name}.{weight}": InFile((site.layer, site.place), ends[weight], size)
            for site in self.sites(shape)
            for weight, size in self.weights(site).items()
        }

    def parameter_count(self, shape: Shape, *, embeddings: int = 0) -> int:  # noqa: ARG002
        """Return the number of weights that train.

        Args:
            shape: Sizes of the encoder.
            embeddings: The number of weights of the embeddings (tables and norm), which only `full` trains.
        """
        return sum(prod(size) for site in self.sites(shape) for size in self.weights(site).values())


@dataclass(frozen=True)
class FromFile:
    """A module that was read from a folder of peft."""

    module: Module
    elsewhere: Mapping[str, InFile] = field(default_factory=dict)
    """Canonical name -> place in the file, for weights that differ from `Form.weights` of the module."""
    factors: Mapping[str, InFile] = field(default_factory=dict)
    """Canonical name -> tensor of the file by which the weight is multiplied."""


class LayeredModule(Module):
    """A module that can be restricted to some of the layers."""

    placing: ClassVar[frozenset[str]] = frozenset({"layers"})

    layers: Layers = "all"

    def layers_of(self, num_layers: int) -> tuple[int, ...]:
        return numbers_of(self.layers, num_layers, self.name)
