"""AdapterHub's layout: `adapter_config.json` with a `model_class`, `adapter.safetensors`.

Source: adapters 1.3.0 (`save_adapter(use_safetensors=True)`, `configuration/adapter_config.py`, `loading.py`). The name
of the module stands inside the keys of its weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from layover.errors import MistakesError, ModelError
from layover.layouts._adapterhub_checks import (
    MATRICES,
    NAMED,
    OTHER_MAPS,
    PLACEMENTS,
    USUAL,
    USUAL_LORA,
    mistakes,
    placement_of,
    targets_of,
    version_of,
)
from layover.layouts._base import CONFIG, Base, Found, Layout, Named, as_layers, inside, layers_in, named_model
from layover.layouts.safe import header, shown
from layover.modules import LINEARS, Module, Site
from layover.modules.bottleneck import Bottleneck
from layover.modules.lora import Lora

WEIGHTS, PICKLE = "adapter.safetensors", "pytorch_adapter.bin"
VERSION = "adapters.1.3.0"
BOTTLENECK = {
    "down": "adapters.{}.adapter_down.0.weight",
    "down_bias": "adapters.{}.adapter_down.0.bias",
    "up": "adapters.{}.adapter_up.weight",
    "up_bias": "adapters.{}.adapter_up.bias",
}
LORA = {"A": "loras.{}.lora_A", "B": "loras.{}.lora_B"}

CLASSES: Mapping[str, str] = {
    "bert": "BertAdapterModel",
    "roberta": "RobertaAdapterModel",
    "xlm-roberta": "XLMRobertaAdapterModel",
}
"""`model_type` -> what adapters calls its model with heads; it has none for CamemBERT."""


class AdapterHub(Layout):
    """Bottlenecks, and LoRA of one rank."""

    name: ClassVar[str] = "adapterhub"
    describe: ClassVar[str] = "AdapterHub's bottlenecks and LoRA (adapter_config.json, adapter.safetensors)"
    file: ClassVar[str] = WEIGHTS
    pickle: ClassVar[str] = PICKLE
    mark: ClassVar[str] = "model_class"
    neutral: ClassVar[Mapping[str, float]] = {"adapter_up.weight": 0.0, "adapter_up.bias": 0.0, "lora_B": 0.0}
    advice: ClassVar[str] = "Load it with adapters where you trust it, and save_adapter(..., use_safetensors=True)"

    def refuses(self, module: Module, base: Base) -> str:
        """See `Layout.refuses`."""
        if base.model_type not in CLASSES:
            return f"adapters takes no encoders of the type {base.model_type}"
        if isinstance(module, Bottleneck):
            return "an invertible bottleneck belongs to a language" if module.invertible else ""
        if not isinstance(module, Lora):
            return f"adapters has no {module.name} that means the same"
        if module.patterns or module.rslora:
            return "adapters' LoRA has one rank and one alpha, scaled by alpha / rank"
        if "attention_output" in module.target:
            return "adapters' LoRA has no place at the linear map attention_output"
        return ""

    def config(self, module: Module, base: Base, named: Named) -> dict[str, Any]:
        """See `Layout.config`."""
        _check_name(named.name)
        layers = {site.layer for site in module.sites(base.shape)}
        config: dict[str, Any] = {"leave_out": [layer for layer in range(base.shape.layers) if layer not in layers]}
        if isinstance(module, Bottleneck):
            config |= {**USUAL, **PLACEMENTS[module.placement]}
            config |= {"reduction_factor": module.reduction, "non_linearity": module.activation}
        elif isinstance(module, Lora):
            matrices = [short for short, place in MATRICES.items() if place in module.target]
            config |= {**USUAL_LORA, "alpha": module.alpha, "r": module.rank, "attn_matrices": matrices}
            config |= {setting: place in module.target for setting, place in OTHER_MAPS.items()}
            config["selfattn_lora"] = bool(matrices)
        return {
            "config": dict(sorted(config.items())),
            "hidden_size": base.shape.hidden,
            "model_class": CLASSES[base.model_type],
            "model_name": named.model or "",
            "model_type": base.model_type,
            "name": named.name,
            "version": VERSION,
        }

    def names(self, module: Module, base: Base, name: str) -> dict[str, str]:
        """See `Layout.names`."""
        found = {}
        for site in module.sites(base.shape):
            path = f"{base.prefix}.{base.path(site.layer, inside(base, site))}"
            for weight in module.weights(site):
                found[f"{site.name}.{weight}"] = f"{path}.{(BOTTLENECK | LORA)[weight].format(name)}"
        return found

    def shape(self, canonical: str, site: Site, size: tuple[int, ...]) -> tuple[int, ...]:  # noqa: ARG002
        """See `Layout.shape`: the same."""
        return size

    def mistakes(self, config: Mapping[str, Any]) -> list[str]:
        """See `Layout.mistakes`."""
        return mistakes(config)

    def read(self, folder: Path, base: Base) -> Found:
        """See `Layout.read`."""
        written, file, where = self.checked(folder), folder / self.file, str(folder / CONFIG)
        wrong = [
            f"{setting} is {shown(written.get(setting))}, but the encoder's is {ours}"
            for setting, ours in (("model_type", base.model_type), ("hidden_size", base.shape.hidden))
            if written.get(setting) != ours
        ]
        if wrong:
            raise MistakesError(where, wrong)
        config, name = written["config"], written["name"]
        low_rank = config.get("architecture") == "lora"
        module = _lora(config, base, version_of(written), where) if low_rank else _bottleneck(config, base, where)
        there = header(file)
        layers_in(base, [place[0] for key in there if (place := base.split(key)) is not None], str(file))
        short = any(key.startswith(f"{base.points.layers}.") for key in there)
        found = (_Short() if short else self).found(module, base, name, file)
        return replace(found, model=named_model(written.get("model_name")))


class _Short(AdapterHub):
    """The same, saved of an encoder without a head: the encoder's own name is in no key."""

    def names(self, module: Module, base: Base, name: str) -> dict[str, str]:
        long = super().names(module, base, name)
        return {own: theirs.removeprefix(f"{base.prefix}.") for own, theirs in long.items()}


def _check_name(name: str) -> None:
    """Refuse a name under which adapters cannot keep a module: those of its containers' own attributes."""
    from torch import nn

    if NAMED.fullmatch(name) is None or hasattr(nn.ModuleDict(), name):
        raise ModelError(f"{name!r}: adapters can have no module of that name; choose another one")


def _bottleneck(config: Mapping[str, Any], base: Base, where: str) -> Module:
    """Return the bottleneck that a config means."""
    settings = {"placement": placement_of(config), "reduction": config["reduction_factor"]}
    return Bottleneck(**settings, activation=config["non_linearity"], layers=_layers(config, base, where))


def _lora(config: Mapping[str, Any], base: Base, version: tuple[int, int] | None, where: str) -> Module:
    """Return the LoRA that a config means."""
    rank, target = config["r"], targets_of(config)
    # before 1.1 adapters did not scale, whatever the config said; the newer ones read it so
    alpha = rank if version is None or version < (1, 1) else config["alpha"]
    places = tuple(place for place in LINEARS if place in target)
    return Lora(rank=rank, alpha=float(alpha), target=places, layers=_layers(config, base, where))


def _layers(config: Mapping[str, Any], base: Base, where: str) -> str | tuple[int, ...]:
    out = set(config.get("leave_out") or ())
    kept = [layer for layer in range(base.shape.layers) if layer not in out]
    if not kept:
        raise ModelError(f"{where}: leave_out leaves no layer of the encoder's {base.shape.layers}")
    return as_layers(kept, base.shape.layers)


LAYOUT = AdapterHub()
