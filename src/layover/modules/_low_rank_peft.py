"""Low-rank updates in peft's files: LoRA and DoRA, whose configs differ in `use_dora` only.

Source: peft 0.21, `LoraConfig`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from layover.errors import ModelError, shown
from layover.modules._base import LINEARS, as_layers
from layover.modules._forms import Form, InPeft, Names, PeftFolder, Place, Values
from layover.modules._low_rank import LowRank

Rule = tuple[int, float]
"""Rank and alpha of one linear map."""

STARTS = ("gaussian", "orthogonal", "eva")
"""Values of `init_lora_weights`, besides true and false, that leave the encoder's own weights unchanged."""
TYPE = "LORA"
ENDS = {"A": "lora_A.weight", "B": "lora_B.weight"}
_SETTINGS = frozenset(
    {
        *("r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_dora", "use_rslora", "bias", "init_lora_weights"),
        *("ensure_weight_tying", "eva_config", "lora_dropout", "megatron_core", "qalora_group_size", "runtime_config"),
    }
)


def in_peft(ends: Mapping[str, str], switch: str = "") -> InPeft:
    """Return the marks of a low-rank module, given the ends of its weights' names and its own switch."""
    return InPeft(TYPE, ends, _SETTINGS, _CHECKS, switch, frozenset({"rank_pattern", "alpha_pattern"}))


def form(module: LowRank, names: Names, ends: Mapping[str, str], *, dora: bool) -> Form:
    """Return the form of a low-rank module in peft; less frequent ranks become patterns of full names."""
    sites = module.sites(names.shape)
    rules = {names.path((site.layer, site.place)): module.rank_and_alpha(site) for site in sites}
    usual = Counter(rules.values()).most_common(1)[0][0]
    unusual = {re.escape(path): rule for path, rule in rules.items() if rule != usual}
    settings = {
        "peft_type": TYPE,
        "r": usual[0],
        "lora_alpha": _plain(usual),
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "init_lora_weights": True,
        "use_dora": dora,
        "use_rslora": module.rslora,
        "rank_pattern": {path: rule[0] for path, rule in unusual.items()},
        "alpha_pattern": {path: _plain(rule) for path, rule in unusual.items()},
    }
    return Form(settings, module.in_file(names.shape, ends))


def _plain(rule: Rule) -> float | int:
    """Return alpha, without a decimal point if it is a whole number."""
    alpha = rule[1]
    return int(alpha) if alpha.is_integer() else alpha


def settings(folder: PeftFolder) -> dict[str, Any]:
    """Return the settings of the low-rank module in a folder.

    Raises:
        ModelError: config and file do not agree.
    """
    rules: dict[Place, Rule] = {}
    for place, shapes in folder.places.items():
        rule = _rule(folder, place)
        if "A" not in shapes:
            raise ModelError(f"{folder.where}: {folder.called(place)}: the file has no lora_A of this linear map")
        if shapes["A"][0] != rule[0]:
            raise ModelError(
                f"{folder.where}: {folder.called(place)}: lora_A has {shapes['A'][0]} rows, but the rank is {rule[0]}"
            )
        rules[place] = rule
    return {**ruled(rules, folder.num_layers), "rslora": folder.values.get("use_rslora", False)}


def _rule(folder: PeftFolder, place: Place) -> Rule:
    """Return the rank and alpha of a linear map: the values of the first pattern that matches, or the defaults."""
    numbers: list[float] = []
    for usual, setting in (("r", "rank_pattern"), ("lora_alpha", "alpha_pattern")):
        number = folder.ruled(setting, place, folder.values.get(usual, 8))  # peft's own default of both
        if not is_number(number):
            raise ModelError(
                f"{folder.where}: {usual} of {folder.called(place)} is {shown(number)}, but must be a number above 0"
            )
        numbers.append(number)
    rank, alpha = numbers
    if not isinstance(rank, int):
        raise ModelError(f"{folder.where}: r of {folder.called(place)} is {rank}, but must be a whole number")
    return rank, float(alpha)


def ruled(rules: Mapping[Place, Rule], num_layers: int) -> dict[str, Any]:
    """Return the settings of a low-rank module with a rule for each linear map.

    Args:
        rules: Layer and name of a linear map -> rank and alpha.
        num_layers: The number of layers of the encoder.
    """
    usual = Counter(rules.values()).most_common(1)[0][0]
    layers = sorted({layer for layer, _ in rules})
    places = [place for place in LINEARS if any(place == other for _, other in rules)]
    unusual: dict[tuple[str, Rule], list[int]] = {}
    for layer in layers:
        for place in places:
            rule = rules.get((layer, place), (0, usual[1]))
            if rule != usual:
                unusual.setdefault((place, rule), []).append(layer)
    patterns = [
        {"target": (place,), "layers": tuple(numbers), "rank": rank, **({"alpha": alpha} if rank else {})}
        for (place, (rank, alpha)), numbers in unusual.items()
    ]
    common = {"rank": usual[0], "alpha": usual[1], "target": tuple(places), "layers": as_layers(layers, num_layers)}
    return common | ({"patterns": tuple(patterns)} if patterns else {})


def _bias(values: Values) -> str:
    if values.get("bias", "none") == "none":
        return ""
    return (
        f"bias is {shown(values['bias'])}: this trains biases of the encoder itself, which no module of Layover does; "
        'train the module again with bias="none"'
    )


def _start(values: Values) -> str:
    start = values.get("init_lora_weights", True)
    if start is None or isinstance(start, bool) or (isinstance(start, str) and start in STARTS):
        return ""
    return (
        f"init_lora_weights is {shown(start)}: this changes the encoder before training, so the weights fit the "
        "changed encoder only; convert them (path_initial_model_for_weight_conversion of peft's save_pretrained)"
    )


def _flag(name: str) -> Callable[[Values], str]:
    def check(values: Values) -> str:
        value = values.get(name, False)
        return "" if isinstance(value, bool) else f"{name} is {shown(value)}, but must be true or false"

    return check


def _number(name: str) -> Callable[[Values], str]:
    def check(values: Values) -> str:
        value = values.get(name, 8)  # peft's own default of both
        if not is_number(value):
            return f"{name} is {shown(value)}, but must be a number above 0"
        return f"{name} is {value}, but must be a whole number" if name == "r" and not isinstance(value, int) else ""

    return check


def _pattern(name: str) -> Callable[[Values], str]:
    def check(values: Values) -> str:
        pattern = values.get(name, {})
        return "" if isinstance(pattern, dict) else f"{name} is {shown(pattern)}, but must be a JSON object"

    return check


def is_number(value: object) -> bool:
    """Return whether a value is a number in the range of ranks and alphas."""
    return not isinstance(value, bool) and isinstance(value, (int, float)) and 0 < value < 2**31


_CHECKS = (
    _bias,
    _start,
    _flag("use_dora"),
    _flag("use_rslora"),
    _number("r"),
    _number("lora_alpha"),
    _pattern("rank_pattern"),
    _pattern("alpha_pattern"),
)
