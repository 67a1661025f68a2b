"""IA3: learned vectors that scale activations (Liu et al. 2022, arXiv:2205.05638)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import field_validator

from layover.errors import ModelError, shown
from layover.modules._base import (
    INNER,
    PLACES,
    At,
    FromFile,
    LayeredModule,
    Module,
    Site,
    as_layers,
    known_places,
    site_at,
)
from layover.modules._forms import Form, InFile, InPeft, Names, NoForm, PeftFolder, Place, Values
from layover.shape import Shape

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

COMES_IN = {"output": INNER, "attention_output": "value"}
"""A linear map -> the place whose output must be scaled in order to scale the input of this map.

Attention sums values feature by feature, so scaling the values and scaling their sum give the same result.
"""
INWARD = "feedforward_modules"
"""peft's setting that names the linear maps whose input is scaled."""


def _inward_is_chosen(values: Values) -> str:
    value = values.get(INWARD)
    if isinstance(value, str) or (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        return ""
    return f"{INWARD} is {shown(value)}, but must be a pattern or a list of names"


class Ia3(LayeredModule):
    """`s * h`, h the output of a linear map or the inner activations of the feed-forward part; arithmetic as in peft.

    Scaling the input of the linear map `output`, as peft's `feedforward_modules` does, is the same as scaling `inner`.
    The scales of a stack multiply.
    """

    name: ClassVar[str] = "ia3"
    noun: ClassVar[str] = "IA3"
    in_peft: ClassVar[InPeft] = InPeft(
        type="IA3",
        ends={"scale": "ia3_l"},
        settings=frozenset({INWARD, "init_ia3_weights"}),
        checks=(_inward_is_chosen,),
        patterns=frozenset({INWARD}),
    )
    placing: ClassVar[frozenset[str]] = frozenset({"target", "layers"})
    neutral: ClassVar[Mapping[str, float]] = {"scale": 1.0}
    commutes: ClassVar[bool] = True
    default_lr: ClassVar[float] = 3e-3
    """The value of the paper."""

    target: tuple[str, ...] = ("key", "value", INNER)
    """The places whose output is scaled; the default is the choice of the paper."""

    @field_validator("target")
    @classmethod
    def _known_target(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return known_places(value, PLACES)

    def sites(self, shape: Shape) -> tuple[Site, ...]:
        layers = self.layers_of(shape.layers)
        return tuple(site_at(layer, name, shape) for layer in layers for name in self.target)

    def weights(self, site: Site) -> dict[str, tuple[int, ...]]:
        """Return the shape of the scale, which has one number per feature."""
        return {"scale": (site.outputs,)}

    def kept_numbers(self, shape: Shape) -> int:
        """Count the scaled numbers."""
        return sum(site.outputs for site in self.sites(shape))

    def initialise(self, site: Site, frozen: nn.Module, generator: Generator) -> dict[str, Tensor]:  # noqa: ARG002
        """Return ones."""
        import torch

        return {"scale": torch.ones(site.outputs)}

    def seen(self, site: Site, at: At) -> Tensor:  # noqa: ARG002
        """Return the input of the linear map, (B, T, inputs)."""
        return at.source

    def delta(self, site: Site, at: At, weights: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        return (at.hidden * (weights["scale"] - 1)).to(at.hidden.dtype)

    def changed(self, site: Site, at: At, weights: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        """Return the scaled hidden states, computed with a single product."""
        return (at.hidden * weights["scale"]).to(at.hidden.dtype)

    def to_peft(self, names: Names) -> Form | NoForm:
        """Return the form in peft: a scale of an output is a column, a scale of an input is a row."""
        if {INNER, "output"} <= set(self.target):
            return NoForm("peft scales either the input or the output of the linear map `output`, not both")
        weights = {}
        for site in self.sites(names.shape):
            inward = site.place == INNER
            place = (site.layer, "output" if inward else site.place)
            shape = (1, site.outputs) if inward else (site.outputs, 1)
            weights[f"{site.name}.scale"] = InFile(place, self.in_peft.ends["scale"], shape)
        inner = [(site.layer, "output") for site in self.sites(names.shape) if site.place == INNER]
        return Form({"peft_type": self.in_peft.type, INWARD: names.targets(inner) if inner else []}, weights)

    @classmethod
    def from_peft(cls, folder: PeftFolder) -> FromFile:
        """Return the module of a folder; a scaled input of a layer's last linear map becomes the scale of `inner`."""
        inward = {place: folder.chosen(INWARD, place) for place in folder.places}
        module = cls._read(folder, inward)
        elsewhere: dict[str, InFile] = {}
        factors: dict[str, InFile] = {}
        for (layer, name), scales_input in inward.items():
            if not scales_input or name != "attention_output":
                continue
            scales = InFile((layer, name), cls.in_peft.ends["scale"], (1, folder.hidden))
            both = (layer, "value") in folder.places
            (factors if both else elsewhere)[f"layers.{layer}.value.scale"] = scales
        return FromFile(module, elsewhere, factors)

    @classmethod
    def _read(cls, folder: PeftFolder, inward: Mapping[Place, bool]) -> Ia3:
        """Return the settings, given for each linear map whether its input is scaled."""
        places = set[Place]()
        for (layer, name), scales_input in inward.items():
            if scales_input and name not in COMES_IN:
                raise ModelError(
                    f"{folder.where}: scales the input of {folder.called((layer, name))}; Layover's IA3 scales the "
                    f"output of a linear map, or the input of {' or '.join(COMES_IN)}"
                )
            places.add((layer, COMES_IN[name] if scales_input else name))
        layers, target = sorted({layer for layer, _ in places}), sorted({name for _, name in places})
        for layer in layers:
            for name in target:
                if (layer, name) not in places:
                    raise ModelError(f"{folder.where}: {name} is scaled in some layers, but not in layer {layer}")
        return cls(target=tuple(target), layers=as_layers(layers, folder.num_layers))

    def to_adapters(self, shape: Shape) -> Form | NoForm:  # noqa: ARG002
        if INNER in self.target:
            return NoForm("adapters' IA3 scales the output of the linear map `intermediate`, not the inner activations")
        return NoForm("Layover writes ia3 in peft's files only, and not as the IA3 of adapters")

    def stacked_in_adapters(self) -> str:
        return "Layover does not write ia3 as the IA3 of adapters, so a stack of it has no form there"

    @classmethod
    def joined(
        cls, weights: Mapping[Site, Sequence[Mapping[str, Tensor]]], shape: Shape
    ) -> tuple[Module, dict[str, Tensor]]:
        """Return the module whose scales are the products of the scales.

        Raises:
            ModelError: the scaled places differ between layers.
        """
        scales: dict[Site, Tensor] = {}
        for site, modules in weights.items():
            for own in modules:
                scales[site] = scales[site] * own["scale"] if site in scales else own["scale"]
        layers = as_layers([site.layer for site in scales], shape.layers)
        module = cls(target=tuple(dict.fromkeys(site.place for site in scales)), layers=layers)
        if set(module.sites(shape)) != set(scales):
            raise ModelError("the ia3 modules scale different places in different layers, which a single ia3 cannot do")
        return module, {f"{site.name}.scale": scale for site, scale in scales.items()}


MODULE = Ia3
