"""AdapterHub's layout: `adapter_config.json` with a `model_type`, `adapter.safetensors`.

Source: adapters 1.3.0 (`save_adapter(use_safetensors=True)`, `configuration/adapter_config.py`). The name of the module
stands inside the keys of its weights.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, get_args

from layover.errors import ModelError, nearest
from layover.layouts._base import (
    CONFIG,
    Base,
    Found,
    Layout,
    Named,
    as_layers,
    inside,
    layers_in,
    named_model,
    only_pickle,
)
from layover.layouts.safe import header, plain_file, read_json
from layover.modules import LINEARS, Module, Site
from layover.modules._activations import Activation
from layover.modules.bottleneck import Bottleneck
from layover.modules.lora import Lora

WEIGHTS, PICKLE = "adapter.safetensors", "pytorch_adapter.bin"
VERSION = "adapters.1.3.0"
NAMED = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,80}")
"""Names of modules that adapters takes; a dot, or a name of its own, breaks it."""
BOTTLENECK = {
    "down": "adapters.{}.adapter_down.0.weight",
    "down_bias": "adapters.{}.adapter_down.0.bias",
    "up": "adapters.{}.adapter_up.weight",
    "up_bias": "adapters.{}.adapter_up.bias",
}
LORA = {"A": "loras.{}.lora_A", "B": "loras.{}.lora_B"}
MATRICES = {"q": "query", "k": "key", "v": "value"}
OTHER_MAPS = {"intermediate_lora": "intermediate", "output_lora": "output"}

USUAL: Mapping[str, Any] = {
    "adapter_residual_before_ln": False,
    "cross_adapter": False,
    "dropout": 0.0,
    "factorized_phm_W": True,
    "factorized_phm_rule": False,
    "hypercomplex_nonlinearity": "glorot-uniform",
    "init_weights": "bert",
    "init_weights_seed": None,
    "inv_adapter": None,
    "inv_adapter_reduction_factor": None,
    "learn_phm": True,
    "ln_after": False,
    "ln_before": False,
    "original_ln_after": True,
    "output_adapter": True,
    "phm_bias": True,
    "phm_c_init": "normal",
    "phm_dim": 4,
    "phm_init_range": 0.0001,
    "phm_layer": False,
    "phm_rank": 1,
    "residual_before_ln": True,
    "shared_W_phm": False,
    "shared_phm_rule": True,
    "stochastic_depth": 0.0,
    "use_gating": False,
}
"""What all three placements have in common, as adapters writes it."""
PLACEMENTS: Mapping[str, Mapping[str, Any]] = {
    "pfeiffer": {"mh_adapter": False, "original_ln_before": True, "is_parallel": False, "scaling": 1.0},
    "houlsby": {"mh_adapter": True, "original_ln_before": False, "is_parallel": False, "scaling": 1.0},
    "parallel": {"mh_adapter": False, "original_ln_before": False, "is_parallel": True, "scaling": 4.0},
}
MEANINGLESS = frozenset({name for name in USUAL if "phm" in name} | {"hypercomplex_nonlinearity"} | {"init_weights"})
"""Settings that decide nothing about finished weights, where `phm_layer` is off."""
FREE = frozenset({"reduction_factor", "non_linearity", "leave_out", "dropout", "init_weights_seed", "stochastic_depth"})
"""Settings that are read on their own, or act in training only."""
USUAL_LORA: Mapping[str, Any] = {
    "architecture": "lora",
    "composition_mode": "add",
    "dropout": 0.0,
    "dtype": None,
    "init_weights": "lora",
    "init_weights_seed": None,
    "use_dora": False,
    "use_gating": False,
    "vera_b": None,
    "vera_d": None,
}


class AdapterHub(Layout):
    """Bottlenecks, and LoRA of one rank."""

    name: ClassVar[str] = "adapterhub"
    describe: ClassVar[str] = "AdapterHub's bottlenecks and LoRA (adapter_config.json, adapter.safetensors)"
    file: ClassVar[str] = WEIGHTS

    def refuses(self, module: Module, base: Base) -> str:  # noqa: ARG002
        """See `Layout.refuses`."""
        values = module.model_dump()
        if module.name == "bottleneck":
            return "an invertible bottleneck belongs to a language" if values.get("invertible") else ""
        if module.name != "lora":
            return f"adapters has no {module.name} that means the same"
        if values.get("patterns") or values.get("rslora"):
            return "adapters' LoRA has one rank and one alpha, scaled by alpha / rank"
        if "attention_output" in values["target"]:
            return "adapters' LoRA has no place at the linear map attention_output"
        return ""

    def config(self, module: Module, base: Base, named: Named) -> dict[str, Any]:
        """See `Layout.config`."""
        values = module.model_dump()
        layers = {site.layer for site in module.sites(base.shape)}
        leave_out = [layer for layer in range(base.shape.num_layers) if layer not in layers]
        if module.name == "bottleneck":
            placed = PLACEMENTS[values["placement"]]
            own = {"reduction_factor": values["reduction"], "non_linearity": values["activation"]}
            config = {**USUAL, **placed, **own, "leave_out": leave_out}
        else:
            target = set(values["target"])
            matrices = [short for short, place in MATRICES.items() if place in target]
            others = {setting: place in target for setting, place in OTHER_MAPS.items()}
            own = {"alpha": values["alpha"], "r": values["rank"], "attn_matrices": matrices}
            config = {**USUAL_LORA, **own, **others, "selfattn_lora": bool(matrices), "leave_out": leave_out}
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

    def recognises(self, folder: Path) -> bool:
        """See `Layout.recognises`."""
        if not (folder / CONFIG).is_file() or "model_type" not in read_json(folder / CONFIG):
            return False
        if not (folder / WEIGHTS).is_file() and (folder / PICKLE).is_file():
            raise only_pickle(
                folder, PICKLE, "Load it with adapters where you trust it, and save_adapter(..., use_safetensors=True)"
            )
        return True

    def read(self, folder: Path, base: Base) -> Found:
        """See `Layout.read`."""
        written, file, where = read_json(folder / CONFIG), plain_file(folder / WEIGHTS), str(folder / CONFIG)
        for setting, ours in (("model_type", base.model_type), ("hidden_size", base.shape.hidden)):
            if written.get(setting) != ours:
                raise ModelError(f"{where}: {setting} is {str(written.get(setting))[:40]}, but the encoder's is {ours}")
        config, name = written.get("config"), written.get("name")
        if not isinstance(config, dict) or not isinstance(name, str) or NAMED.fullmatch(name) is None:
            raise ModelError(f"{where}: has no config and name as adapters writes them")
        made = _lora if config.get("architecture") == "lora" else _bottleneck
        module = made(config, base, where)
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


CLASSES: Mapping[str, str] = {
    "bert": "BertAdapterModel",
    "camembert": "CamembertAdapterModel",
    "roberta": "RobertaAdapterModel",
    "xlm-roberta": "XLMRobertaAdapterModel",
}
"""`model_type` -> what adapters calls its model with heads."""


def _bottleneck(config: Mapping[str, Any], base: Base, where: str) -> Module:
    """Return the bottleneck that a config means."""
    _refuse_other(config, {**USUAL, **PLACEMENTS["pfeiffer"]}, PLACEMENTS["pfeiffer"], where)
    given = {name: config.get(name, usual) for name, usual in PLACEMENTS["pfeiffer"].items()}
    placement = next((name for name, settings in PLACEMENTS.items() if dict(settings) == given), None)
    if placement is None:
        raise ModelError(f"{where}: {given} is none of the placements {', '.join(PLACEMENTS)}")
    activation, reduction = config.get("non_linearity"), config.get("reduction_factor")
    known = get_args(Activation)
    if activation not in known:
        raise ModelError(f"{where}: non_linearity {str(activation)[:40]!r}; {nearest(str(activation)[:40], known)}")
    if isinstance(reduction, bool) or not isinstance(reduction, (int, float)) or not 0 < reduction < 2**20:
        raise ModelError(f"{where}: reduction_factor is {str(reduction)[:40]}; one number for all layers is needed")
    settings = {"placement": placement, "reduction": reduction, "activation": activation}
    return Bottleneck(**settings, layers=_layers(config, base, where))


def _lora(config: Mapping[str, Any], base: Base, where: str) -> Module:
    """Return the LoRA that a config means."""
    own = {"alpha", "r", "attn_matrices", "selfattn_lora", *OTHER_MAPS}
    _refuse_other(config, USUAL_LORA, own, where)
    matrices = config.get("attn_matrices", ["q", "v"]) if config.get("selfattn_lora", True) is True else []
    if not isinstance(matrices, list) or not set(map(str, matrices)) <= set(MATRICES):
        raise ModelError(f"{where}: attn_matrices are some of {', '.join(MATRICES)}, not {str(matrices)[:60]}")
    target = {MATRICES[short] for short in matrices}
    target |= {place for setting, place in OTHER_MAPS.items() if config.get(setting, False) is True}
    rank, alpha = config.get("r", 8), config.get("alpha", 8)
    if type(rank) is not int or rank < 1 or type(alpha) not in {int, float} or not 0 < alpha < 2**31:
        raise ModelError(f"{where}: r and alpha are {str(rank)[:40]} and {str(alpha)[:40]}, no numbers above 0")
    if not target:
        raise ModelError(f"{where}: asks for no linear map")
    places = tuple(place for place in LINEARS if place in target)
    return Lora(rank=rank, alpha=float(alpha), target=places, layers=_layers(config, base, where))


def _refuse_other(config: Mapping[str, Any], usual: Mapping[str, Any], own: Any, where: str) -> None:
    """Refuse settings that change what a module computes and have no counterpart here."""
    for name, value in config.items():
        if name in own or name in FREE or (name in MEANINGLESS and not config.get("phm_layer", False)):
            continue
        if name not in usual:
            if value:  # an older or newer version's, switched on
                raise ModelError(f"{where}: {name[:60]} is {str(value)[:60]}: not known here")
        elif value != usual[name]:
            raise ModelError(f"{where}: {name} is {str(value)[:60]}; only {usual[name]} is known here")


def _layers(config: Mapping[str, Any], base: Base, where: str) -> str | tuple[int, ...]:
    left = config.get("leave_out", [])
    if not isinstance(left, list) or not all(type(layer) is int and layer >= 0 for layer in left):
        raise ModelError(f"{where}: leave_out is no list of layers")
    kept = [layer for layer in range(base.shape.num_layers) if layer not in left]
    if not kept:
        raise ModelError(f"{where}: leave_out leaves no layer of the encoder's {base.shape.num_layers}")
    return as_layers(kept, base.shape.num_layers)


LAYOUT = AdapterHub()
