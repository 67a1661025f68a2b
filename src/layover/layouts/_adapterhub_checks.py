"""What a config of adapters asks for that no module of Layover does: all of it at once, whatever the encoder.

Source: adapters 1.3.0 (`configuration/adapter_config.py`, `loading.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args

from layover.errors import nearest
from layover.layouts.safe import shown
from layover.modules._activations import Activation

Values = Mapping[str, Any]

_VERSION = re.compile(r"adapters\.(\d{1,4})\.(\d{1,4})(\.\d{1,4})?", re.ASCII)
NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", re.ASCII)
"""Names of modules that adapters takes; a dot breaks it."""
MATRICES = {"q": "query", "k": "key", "v": "value"}
OTHER_MAPS = {"intermediate_lora": "intermediate", "output_lora": "output"}
SWITCHES = ("selfattn_lora", *OTHER_MAPS)

USUAL: Values = {
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
PLACEMENTS: Mapping[str, Values] = {
    "pfeiffer": {"mh_adapter": False, "original_ln_before": True, "is_parallel": False, "scaling": 1.0},
    "houlsby": {"mh_adapter": True, "original_ln_before": False, "is_parallel": False, "scaling": 1.0},
    "parallel": {"mh_adapter": False, "original_ln_before": False, "is_parallel": True, "scaling": 4.0},
}
MEANINGLESS = frozenset({name for name in USUAL if "phm" in name} - {"phm_layer"}) | {"hypercomplex_nonlinearity"}
"""Settings that decide nothing where `phm_layer` is off, which is looked at itself."""
TRAINING = frozenset({"dropout", "init_weights", "init_weights_seed", "stochastic_depth"})
"""Settings that decide nothing about finished weights."""
USUAL_LORA: Values = {
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
KNOWN_AS: Mapping[str, str] = {
    "composition_mode": "this is an IA3 of adapters; Layover has IA3, and reads it as peft writes it",
    "inv_adapter": "this is an adapter with an invertible one on the embeddings, as of a language",
    "phm_layer": "this is a compacter, whose maps are sums of Kronecker products (phm)",
    "use_dora": "this is a DoRA of adapters; Layover has DoRA, and reads it as peft writes it",
    "use_gating": "this is a gated module, as of UniPELT",
    "vera_b": "this is a VeRA",
    "vera_d": "this is a VeRA",
}
"""Settings that by themselves make a module another one -> what it is then called."""


def mistakes(written: Values) -> list[str]:
    """Return what is refused of a config, in a sentence each; nothing where only an encoder can tell more."""
    found = []
    if version_of(written) is None:
        found.append(
            f"version is {shown(written.get('version'))}: not written by adapters 1.0 or newer. adapter-transformers, "
            "its forerunner, means other things by the same words; load it with adapters and save it again"
        )
    config, name = written.get("config"), written.get("name")
    if not isinstance(name, str) or NAMED.fullmatch(name) is None:
        found.append(f"name is {shown(name)}, no name that adapters writes")
    if not isinstance(config, dict):
        return [*found, f"config is {shown(config)}, no object as adapters writes it"]
    architecture = config.get("architecture")
    if architecture not in (None, "lora"):
        return [*found, f'"architecture" is {shown(architecture)}: not known here; it is lora, or absent']
    return [*found, *(_lora(config) if architecture == "lora" else _bottleneck(config)), *_left_out(config)]


def version_of(written: Values) -> tuple[int, int] | None:
    """Return which adapters wrote a config, None where it was none; older ones mean other things by the same words."""
    version = written.get("version")
    found = _VERSION.fullmatch(version) if isinstance(version, str) else None
    return None if found is None else (int(found[1]), int(found[2]))


def placement_of(config: Values) -> str | None:
    """Return the placement that a bottleneck's settings are."""
    given = _placed(config)
    return next((name for name, settings in PLACEMENTS.items() if dict(settings) == given), None)


def _placed(config: Values) -> dict[str, Any]:
    return {name: config.get(name) for name in PLACEMENTS["pfeiffer"]}


def _bottleneck(config: Values) -> list[str]:
    found = _other(config, USUAL, {*PLACEMENTS["pfeiffer"], "reduction_factor", "non_linearity", "leave_out"})
    given = _placed(config)
    if type(given["scaling"]) is not float or not all(type(given[name]) is bool for name in given if name != "scaling"):
        found.append(f"{', '.join(given)} decide the placement, and are {shown(list(given.values()))}")
    elif placement_of(config) is None:
        found.append(f"{shown(given, 200)} is none of the placements {', '.join(PLACEMENTS)}")
    activation, known = config.get("non_linearity"), get_args(Activation)
    if activation not in known:
        found.append(f"non_linearity is {shown(activation)}; {nearest(str(activation)[:40], known)}")
    reduction: Any = config.get("reduction_factor")
    if type(reduction) not in {int, float} or not 2**-20 <= reduction <= 2**20:
        found.append(f"reduction_factor is {shown(reduction)}; one number for all layers is needed")
    return found


def _lora(config: Values) -> list[str]:
    found = _other(config, USUAL_LORA, {"alpha", "r", "attn_matrices", "leave_out", *SWITCHES})
    wrong = [name for name in SWITCHES if not isinstance(config.get(name), bool)]
    found += [f"{name} is {shown(config.get(name))}, neither true nor false" for name in wrong]
    matrices = config.get("attn_matrices")
    if not isinstance(matrices, list) or not set(map(str, matrices)) <= set(MATRICES):
        found.append(f"attn_matrices are some of {', '.join(MATRICES)}, not {shown(matrices)}")
    elif not wrong and not targets_of(config):
        found.append("asks for no linear map")
    for name in ("r", "alpha"):
        number: Any = config.get(name)
        if type(number) not in ({int} if name == "r" else {int, float}) or not 0 < number < 2**31:
            found.append(f"{name} is {shown(number)}, no number above 0")
    return found


def targets_of(config: Values) -> set[str]:
    """Return the linear maps that a LoRA changes."""
    target = {MATRICES[short] for short in config["attn_matrices"]} if config["selfattn_lora"] else set()
    return target | {place for setting, place in OTHER_MAPS.items() if config[setting]}


def _other(config: Values, usual: Values, own: set[str]) -> list[str]:
    """Return the settings that change what a module computes and have no counterpart here."""
    found = []
    for name, value in config.items():
        if name in own or name in TRAINING or name in MEANINGLESS:
            continue
        if name not in usual:
            if value:  # an older or newer version's, switched on
                found.append(f"{shown(name)} is {shown(value)}: not known here; what it does would be lost")
        elif value != usual[name] or type(value) is not type(usual[name]):
            rest = f": {KNOWN_AS[name]}" if name in KNOWN_AS and value else ""
            found.append(f"{name} is {shown(value)}; only {shown(usual[name])} is known here{rest}")
    absent = sorted(set(usual) - TRAINING - MEANINGLESS - set(config))
    # what is off by default may be left out, as older versions do
    return found + [f"{name} is missing; only {shown(usual[name])} is known here" for name in absent if usual[name]]


def _left_out(config: Values) -> list[str]:
    left = config.get("leave_out")
    if left is None or (isinstance(left, list) and all(type(layer) is int and layer >= 0 for layer in left)):
        return []
    return [f"leave_out is {shown(left)}, no list of layers"]
