"""AdapterHub's layout: `adapter_config.json` with a `model_class`, `adapter.safetensors`.

Source: adapters 1.3.0 (`save_adapter(use_safetensors=True)`, `configuration/adapter_config.py`, `loading.py`). The name
of the module stands inside the keys of its weights.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, get_args

from layover.errors import ModelError, nearest
from layover.layouts._base import CONFIG, Base, Found, Layout, Named, as_layers, inside, layers_in, named_model
from layover.layouts.safe import header, read_json, shown
from layover.modules import LINEARS, Module, Site
from layover.modules._activations import Activation
from layover.modules.bottleneck import Bottleneck
from layover.modules.lora import Lora

WEIGHTS, PICKLE = "adapter.safetensors", "pytorch_adapter.bin"
VERSION = "adapters.1.3.0"
_VERSION = re.compile(r"adapters\.(\d{1,4})\.(\d{1,4})(\.\d{1,4})?", re.ASCII)
NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", re.ASCII)
"""Names of modules that adapters takes; a dot breaks it."""
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
MEANINGLESS = frozenset({name for name in USUAL if "phm" in name} - {"phm_layer"}) | {"hypercomplex_nonlinearity"}
"""Settings that decide nothing where `phm_layer` is off, which is looked at itself."""
TRAINING = frozenset({"dropout", "init_weights", "init_weights_seed", "stochastic_depth"})
"""Settings that decide nothing about finished weights."""
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
        config: dict[str, Any] = {"leave_out": [layer for layer in range(base.shape.num_layers) if layer not in layers]}
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

    def read(self, folder: Path, base: Base) -> Found:
        """See `Layout.read`."""
        written, file, where = read_json(folder / CONFIG), folder / self.file, str(folder / CONFIG)
        for setting, ours in (("model_type", base.model_type), ("hidden_size", base.shape.hidden)):
            if written.get(setting) != ours:
                raise ModelError(f"{where}: {setting} is {shown(written.get(setting))}, but the encoder's is {ours}")
        config, name = written.get("config"), written.get("name")
        if not isinstance(config, dict) or not isinstance(name, str) or NAMED.fullmatch(name) is None:
            raise ModelError(f"{where}: has no config and name as adapters writes them")
        version = _version(written.get("version"), where)
        architecture = config.get("architecture")
        if architecture not in (None, "lora"):
            raise ModelError(f'{where}: "architecture" is {shown(architecture)}: not known here; it is lora, or absent')
        low_rank = architecture == "lora"
        module = _lora(config, base, version, where) if low_rank else _bottleneck(config, base, where)
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


def _version(written: object, where: str) -> tuple[int, int]:
    """Return which adapters wrote a config: older ones mean other things by the same words."""
    found = _VERSION.fullmatch(written) if isinstance(written, str) else None
    if found is None:
        raise ModelError(
            f"{where}: version is {shown(written)}, from before adapters 1.0 or unknown; load it with adapters and "
            "save it again"
        )
    return int(found[1]), int(found[2])


def _bottleneck(config: Mapping[str, Any], base: Base, where: str) -> Module:
    """Return the bottleneck that a config means."""
    own = {*PLACEMENTS["pfeiffer"], "reduction_factor", "non_linearity", "leave_out"}
    _refuse_other(config, USUAL, own, where)
    given = {name: config.get(name) for name in PLACEMENTS["pfeiffer"]}
    if type(given["scaling"]) is not float or not all(type(given[name]) is bool for name in given if name != "scaling"):
        raise ModelError(f"{where}: {', '.join(given)} decide the placement, and are {shown(list(given.values()))}")
    placement = next((name for name, settings in PLACEMENTS.items() if dict(settings) == given), None)
    if placement is None:
        raise ModelError(f"{where}: {shown(given, 200)} is none of the placements {', '.join(PLACEMENTS)}")
    activation, known = config.get("non_linearity"), get_args(Activation)
    reduction: Any = config.get("reduction_factor")
    if activation not in known:
        raise ModelError(f"{where}: non_linearity is {shown(activation)}; {nearest(str(activation)[:40], known)}")
    if type(reduction) not in {int, float} or not 2**-20 <= reduction <= 2**20:
        raise ModelError(f"{where}: reduction_factor is {shown(reduction)}; one number for all layers is needed")
    settings = {"placement": placement, "reduction": reduction, "activation": activation}
    return Bottleneck(**settings, layers=_layers(config, base, where))


def _lora(config: Mapping[str, Any], base: Base, version: tuple[int, int], where: str) -> Module:
    """Return the LoRA that a config means."""
    switches = ("selfattn_lora", *OTHER_MAPS)
    _refuse_other(config, USUAL_LORA, {"alpha", "r", "attn_matrices", "leave_out", *switches}, where)
    for name in switches:
        if not isinstance(config.get(name), bool):
            raise ModelError(f"{where}: {name} is {shown(config.get(name))}, neither true nor false")
    matrices = config.get("attn_matrices")
    if not isinstance(matrices, list) or not set(map(str, matrices)) <= set(MATRICES):
        raise ModelError(f"{where}: attn_matrices are some of {', '.join(MATRICES)}, not {shown(matrices)}")
    target = {MATRICES[short] for short in matrices} if config["selfattn_lora"] else set()
    target |= {place for setting, place in OTHER_MAPS.items() if config[setting]}
    if not target:
        raise ModelError(f"{where}: asks for no linear map")
    rank: Any = config.get("r")
    alpha: Any = config.get("alpha")
    if type(rank) is not int or type(alpha) not in {int, float} or not 0 < rank < 2**31 or not 0 < alpha < 2**31:
        raise ModelError(f"{where}: r and alpha are {shown(rank)} and {shown(alpha)}, no numbers above 0")
    # before 1.1 adapters did not scale, whatever the config said; the newer ones read it so
    alpha = rank if version < (1, 1) else alpha
    places = tuple(place for place in LINEARS if place in target)
    return Lora(rank=rank, alpha=float(alpha), target=places, layers=_layers(config, base, where))


def _refuse_other(config: Mapping[str, Any], usual: Mapping[str, Any], own: set[str], where: str) -> None:
    """Refuse settings that change what a module computes and have no counterpart here."""
    for name, value in config.items():
        if name in own or name in TRAINING or name in MEANINGLESS:
            continue
        if name not in usual:
            if value:  # an older or newer version's, switched on
                raise ModelError(
                    f"{where}: {shown(name)} is {shown(value)}: not known here; what it does would be lost"
                )
        elif value != usual[name] or type(value) is not type(usual[name]):
            raise ModelError(f"{where}: {name} is {shown(value)}; only {shown(usual[name])} is known here")
    for name in set(usual) - TRAINING - MEANINGLESS - set(config):
        if usual[name]:  # what is off by default may be left out, as older versions do
            raise ModelError(f"{where}: {name} is missing; only {shown(usual[name])} is known here")


def _layers(config: Mapping[str, Any], base: Base, where: str) -> str | tuple[int, ...]:
    left = [] if config.get("leave_out") is None else config["leave_out"]
    if not isinstance(left, list) or not all(type(layer) is int and layer >= 0 for layer in left):
        raise ModelError(f"{where}: leave_out is {shown(left)}, no list of layers")
    out = set(left)
    kept = [layer for layer in range(base.shape.num_layers) if layer not in out]
    if not kept:
        raise ModelError(f"{where}: leave_out leaves no layer of the encoder's {base.shape.num_layers}")
    return as_layers(kept, base.shape.num_layers)


LAYOUT = AdapterHub()
