"""What every module is: settings, the places it attaches to, and what it adds there."""

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
    not_said,
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
"""The linear maps of a layer, in the order of their use: name -> (size that comes in, size that goes out)."""

SUBLAYERS = ("attention", "feedforward")
"""The two halves of a layer, each of which ends in `LayerNorm(sublayer(x) + x)`."""

INNER = "inner"
"""The inner activations of the feed-forward part: what comes out of its activation function and goes into `output`."""

EMBEDDINGS = "embeddings"
"""What enters the first layer: the one place where a change can be undone, see `Module.undone`."""

_TOP = re.compile(r"top-([1-9]\d{0,2})")


def _known_layers(value: str | tuple[int, ...]) -> str | tuple[int, ...]:
    if isinstance(value, str):
        if value != "all" and _TOP.fullmatch(value) is None:
            raise ValueError(f"{value!r} names no layers; write all, top-4 or a list such as [8, 9, 10, 11]")
        return value
    if not value or len(set(value)) != len(value):
        raise ValueError("a list of layers has at least one number, and none twice")
    return tuple(sorted(value))


def known_places(value: tuple[str, ...], places: Mapping[str, tuple[str, str]]) -> tuple[str, ...]:
    """Return names of places in the places' order, so that the same module has one identity.

    Raises:
        ValueError: there is none, or one is unknown.
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
        layers: As a recipe writes them.
        num_layers: Those of the encoder.
        name: Of the module, for the message.

    Raises:
        ModelError: the encoder does not have them.
    """
    if layers == "all":
        return tuple(range(num_layers))
    if isinstance(layers, str):
        count = int(layers.removeprefix("top-"))
        if count > num_layers:
            raise ModelError(f"{name}: layers {layers}, but the encoder has {num_layers}")
        return tuple(range(num_layers - count, num_layers))
    if layers[-1] >= num_layers:
        raise ModelError(f"{name}: no layer {layers[-1]}: the encoder has {num_layers}, numbered 0 to {num_layers - 1}")
    return layers


def as_layers(layers: Sequence[int], num_layers: int) -> str | tuple[int, ...]:
    """Return numbers of layers as a recipe writes them."""
    found = tuple(sorted(set(layers)))
    return "all" if found == tuple(range(num_layers)) else found


@dataclass(frozen=True)
class Site:
    """A place in the encoder where a module adds something: a part of a layer, or the embeddings."""

    layer: int
    """0 for the embeddings, which enter it."""
    place: str
    """A name of `LINEARS` or `SUBLAYERS`, or `INNER` or `EMBEDDINGS`."""
    inputs: int
    """Features that come in."""
    outputs: int
    """Features that go out."""
    num_layers: int
    """Layers of the encoder, from which `top-4` is counted."""

    @property
    def name(self) -> str:
        """The first part of the canonical names of the weights here, `layers.3.query`."""
        return f"layers.{self.layer}.{self.place}"


PLACES = {**LINEARS, INNER: ("hidden", "intermediate")}
"""What has a size that comes in and one that goes out."""


def site_at(layer: int, place: str, shape: Shape) -> Site:
    """Return the site at one of `PLACES` in a layer."""
    sizes = {"hidden": shape.hidden, "intermediate": shape.intermediate}
    inputs, outputs = (sizes[name] for name in PLACES[place])
    return Site(layer, place, inputs, outputs, shape.layers)


@dataclass(frozen=True, eq=False)
class At:
    """What a module sees at a site."""

    hidden: Tensor
    """(B, T, outputs): what the module adds to, modules applied before it included. At a linear map its output, at
    `INNER` the activation function's; at a sublayer its output before the residual connection and the LayerNorm."""
    source: Tensor
    """(B, T, inputs): what came into the linear map, at `INNER` into the one before the activation function; at a
    sublayer the other side of the residual connection; the embeddings as they were."""
    frozen: nn.Module
    """The linear map; at `INNER` the linear map with the activation function; at a sublayer its LayerNorm; all of the
    embeddings."""

    @cached_property
    def normed(self) -> Tensor:
        """At a sublayer `LayerNorm(hidden + source)`, (B, T, outputs); once, however many modules read it."""
        normed: Tensor = self.frozen(self.hidden + self.source)
        return normed


class Module(CanonicalModel, ABC):
    """Settings of a module; every field decides results and so belongs to a node's identity.

    A module adds to the hidden states at its sites: `hidden + delta`. It gives only the delta, so that a
    composition may sum, mix or gate the deltas of several modules.
    """

    name: ClassVar[str]
    """The name of the file, as recipes write it."""
    noun: ClassVar[str] = ""
    """What people call it, `LoRA`; its name where its class does not say."""
    in_peft: ClassVar[InPeft | None] = None
    """How folders of peft are known to hold it; None where they are not read."""
    in_adapters: ClassVar[InAdapters | None] = None
    """How folders of adapters are known to hold it; None where they are not read."""
    placing: ClassVar[frozenset[str]] = frozenset()
    """Settings that show in `sites`, `weights` and `scale`, and in nothing else that it computes."""
    neutral: ClassVar[Mapping[str, float]] = {}
    """Name of a weight at a site -> the number with which a fresh module changes nothing there."""
    acts_otherwise: ClassVar[tuple[str, ...]] = ()
    """Weights that may change something while the neutral ones are as they began."""
    trains_encoder: ClassVar[bool] = True
    """Whether anything inside the encoder trains."""
    whole: ClassVar[bool] = False
    """Whether its weights are the encoder's own, all of them."""
    linear: ClassVar[bool] = False
    """Whether `delta` is a matrix times what comes into a linear map, so that it can be folded into that map."""
    commutes: ClassVar[bool] = False
    """Whether the order of several on one encoder means nothing."""
    exact: ClassVar[bool] = False
    """Whether its arithmetic is handed float32 weights in an encoder that computes in bfloat16, too."""
    alone: ClassVar[str] = ""
    """Why it cannot act beside other modules; empty when it can."""
    default_lr: ClassVar[float]
    """Peak learning rate when the recipe names none."""
    default_dropout: ClassVar[float] = 0.0
    """Dropout when the recipe names none."""
    default_epochs: ClassVar[float] = 3.0
    """Passes over the training data when the recipe names no number and the task has no larger one."""

    @classmethod
    def states(cls, attribute: str) -> bool:
        """Return whether the module's own class says something: an inherited statement is about another module."""
        return attribute in vars(cls)

    @classmethod
    def called(cls) -> str:
        """Return what people call it."""
        return cls.noun if cls.states("noun") else cls.name

    def to_peft(self, names: Names) -> Form | NoForm:  # noqa: ARG002
        """Return the module as peft's files have it, or why they have no form for it.

        Args:
            names: Of the encoder's linear maps.
        """
        return not_said(self.name, "peft", "to_peft")

    @classmethod
    def from_peft(cls, folder: PeftFolder) -> FromFile:
        """Return the module in a folder whose config is one of `in_peft`.

        Raises:
            ModelError: something in it has no meaning here, or config and file do not agree.
        """
        raise ModelError(f"{folder.where}: Layover does not read {cls.name} as peft writes it")

    def to_adapters(self, shape: Shape) -> Form | NoForm:  # noqa: ARG002
        """Return the module as adapters' files have it, or why they have no form for it.

        Args:
            shape: Sizes of the encoder.
        """
        return not_said(self.name, "adapters", "to_adapters")

    @classmethod
    def from_adapters(cls, folder: AdaptersFolder) -> Module:  # noqa: ARG003
        """Return the module of a config of `in_adapters`, one without mistakes."""
        raise ModelError(f"Layover does not read {cls.name} as adapters writes it")

    def stacked_in_adapters(self) -> str:
        """Return why a stack of several in adapters computes something else than here; empty when it does not."""
        return f"Layover does not know whether adapters puts several {self.name} together as it does"

    @classmethod
    def joined(
        cls,
        weights: Mapping[Site, Sequence[Mapping[str, Tensor]]],  # noqa: ARG003
        shape: Shape,  # noqa: ARG003
    ) -> tuple[Module, dict[str, Tensor]]:
        """Return the one module that does what a stack of several of its kind does, and its weights by canonical name.

        A kind without it is never one of several, except that the sum of `linear` ones is a LoRA.

        Args:
            weights: Site -> the weights of each that acts there.
            shape: Sizes of the encoder.

        Raises:
            ModelError: these cannot be one.
        """
        raise ModelError(f"several {cls.name} are not one")

    def canonical(self) -> dict[str, Json]:
        """Return name and settings."""
        return {"name": self.name, **self.settings()}

    def only_for_languages(self) -> str:
        """Return why it can only be the adapter of a language; empty when a task can train it, too."""
        return ""

    @abstractmethod
    def layers_of(self, num_layers: int) -> tuple[int, ...]:
        """Return the layers that the module changes, ascending; the embeddings count as the first one.

        Raises:
            ModelError: the settings ask for layers that the encoder does not have, or leave none.
        """

    def sites(self, shape: Shape) -> tuple[Site, ...]:  # noqa: ARG002
        """Return the places where the module adds something, layer by layer in the order of their use.

        A module without any leaves the next methods alone.
        """
        return ()

    def weights(self, site: Site) -> dict[str, tuple[int, ...]]:
        """Return names and shapes of the weights at a site."""
        raise NotImplementedError(f"{self.name} has no weights at {site.name}")

    def initialise(self, site: Site, frozen: nn.Module, generator: Generator) -> dict[str, Tensor]:
        """Return fresh weights for a site, float32, such that `delta` is exactly zero.

        Args:
            site: Where.
            frozen: What `At.frozen` will be there.
            generator: Of the CPU.
        """
        raise NotImplementedError(f"{self.name} has no weights at {site.name}")

    def seen(self, site: Site, at: At) -> Tensor:
        """Return what the module reads at a site, (B, T, inputs): what a mixer asks, too."""
        raise NotImplementedError(f"{self.name} reads nothing at {site.name}")

    def delta(self, site: Site, at: At, weights: Mapping[str, Tensor]) -> Tensor:
        """Return what the module adds at a site, (B, T, outputs)."""
        raise NotImplementedError(f"{self.name} adds nothing at {site.name}")

    def changed(self, site: Site, at: At, weights: Mapping[str, Tensor]) -> Tensor:
        """Return what becomes of `at.hidden` when the module acts by itself, (B, T, outputs): `delta` is added."""
        return at.hidden + self.delta(site, at, weights)

    def scale(self, site: Site) -> float:  # noqa: ARG002
        """Return what the module's change is multiplied by at a site."""
        return 1.0

    def factors(self, site: Site, weights: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return what the change of a linear map is the product of, (outputs, r) and (r, inputs); of `linear` ones."""
        raise NotImplementedError(f"{self.name} changes no linear map at {site.name}")

    def undone(self, site: Site, changed: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        """Return the hidden states to which `delta` was added, (..., H), for a site at the embeddings.

        A head that compares hidden states with the word embeddings (mlm) reads them so.
        """
        raise NotImplementedError(f"{self.name} cannot undo what it adds at {site.name}")

    def kept_numbers(self, shape: Shape) -> int:
        """Return how many numbers per token training it keeps for the backward pass, of all layers together.

        Beside what a frozen layer keeps to hand a gradient through; what comes in and goes out at each site unless a
        module knows better.
        """
        return sum(site.inputs + site.outputs for site in self.sites(shape))

    def in_file(self, shape: Shape, ends: Mapping[str, str]) -> dict[str, InFile]:
        """Return canonical name -> the weight in a file of another library, which holds all of them in our shapes.

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
        """Return how many weights train.

        Args:
            shape: Sizes of the encoder.
            embeddings: Weights of the embeddings (tables and norm), which only `full` trains.
        """
        return sum(prod(size) for site in self.sites(shape) for size in self.weights(site).values())


@dataclass(frozen=True)
class FromFile:
    """A module that a folder of peft holds."""

    module: Module
    elsewhere: Mapping[str, InFile] = field(default_factory=dict)
    """Canonical names of weights that the file has otherwise than `Form.weights` of the module says."""
    factors: Mapping[str, InFile] = field(default_factory=dict)
    """Canonical name -> numbers of the file that the weight is multiplied by."""


class LayeredModule(Module):
    """A module that can be put on some of the layers only."""

    placing: ClassVar[frozenset[str]] = frozenset({"layers"})

    layers: Layers = "all"

    def layers_of(self, num_layers: int) -> tuple[int, ...]:
        return numbers_of(self.layers, num_layers, self.name)
