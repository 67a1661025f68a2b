"""What a config of peft asks for that no module of Layover does: all of it at once, whatever the encoder.

Source: peft 0.21, `LoraConfig` and `IA3Config`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from layover.layouts.safe import shown

Values = Mapping[str, Any]

KINDS = ("LORA", "IA3")
STARTS = ("gaussian", "orthogonal", "eva")
"""Values of `init_lora_weights`, beside true and false, that leave the encoder's own weights as they are."""
HEADS = ("classifier", "score", "qa_outputs")
"""What transformers calls heads, of which peft keeps all weights beside a module (`modules_to_save`)."""
_COMMON = {
    *("auto_mapping", "base_model_name_or_path", "revision", "peft_type", "peft_version", "task_type"),
    *("exclude_modules", "inference_mode", "layers_pattern", "layers_to_transform", "modules_to_save"),
    "target_modules",
}
_LOW_RANK = _COMMON | {
    *("r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_dora", "use_rslora", "bias", "init_lora_weights"),
    *("ensure_weight_tying", "eva_config", "lora_dropout", "megatron_core", "qalora_group_size", "runtime_config"),
}
_SCALES = _COMMON | {"feedforward_modules", "init_ia3_weights"}
"""The settings that are read, or decide nothing about finished weights; any other is refused where it is on."""


def mistakes(values: Values) -> list[str]:
    """Return what is refused of a config, in a sentence each; nothing where only an encoder can tell more."""
    kind = values.get("peft_type")
    if kind not in KINDS:  # a tuple: it may be anything that JSON knows
        merged = "where peft can merge_and_unload() it into the encoder, save that and name it under models"
        return [f"peft_type {shown(kind)}: Layover has {' and '.join(KINDS)} (DoRA: use_dora); {merged}"]
    low_rank = kind == "LORA"
    known, checks = (_LOW_RANK, (*_EVERY, *_OF_LOW_RANK)) if low_rank else (_SCALES, (*_EVERY, _feedforward))
    unknown = [
        f"{shown(name)} is {shown(value)}: not known here; what it does would be lost"
        for name, value in values.items()
        if value and name not in known
    ]
    return [*unknown, *(text for check in checks if (text := check(values)))]


def are_texts(value: object) -> bool:
    """Return whether a value is a list of texts."""
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _targets(values: Values) -> str:
    return _chosen(values, "target_modules")


def _excluded(values: Values) -> str:
    return "" if values.get("exclude_modules") is None else _chosen(values, "exclude_modules")


def _feedforward(values: Values) -> str:
    return _chosen(values, "feedforward_modules")


def _chosen(values: Values, setting: str) -> str:
    value = values.get(setting)
    if isinstance(value, str) or are_texts(value):
        return ""
    return f"{setting} is {shown(value)}, neither a pattern nor a list of names"


def _saved(values: Values) -> str:
    """Return what is wrong with the parts that were trained as a whole; only heads can be left out."""
    value: Any = values.get("modules_to_save")
    if value is None:
        return ""
    if not are_texts(value):
        return f"modules_to_save is {shown(value)}, no list of names"
    if all(name.rpartition(".")[2] in HEADS for name in value):
        return ""
    return (
        f"modules_to_save is {shown(value)}: other parts than a head ({', '.join(HEADS)}) were trained as a whole, "
        "which no module of Layover does"
    )


def _layers(values: Values) -> str:
    value, names = values.get("layers_to_transform"), values.get("layers_pattern")
    numbers = value if isinstance(value, list) else [] if value is None else [value]
    by_pattern = isinstance(values.get("target_modules"), str) and not (value is None and names is None)
    if by_pattern or not all(type(one) is int and one >= 0 for one in numbers):
        return (
            f"layers_to_transform is {shown(value)}; it is a list of numbers, beside target_modules that are a list of "
            "names"
        )
    if names and not value:
        return f"layers_pattern is {shown(names)}, beside no layers_to_transform"
    if names is not None and not isinstance(names, str) and not are_texts(names):
        return f"layers_pattern is {shown(names)}, neither a name nor a list of names"
    return ""


def _bias(values: Values) -> str:
    if values.get("bias", "none") == "none":
        return ""
    return (
        f"bias is {shown(values['bias'])}: biases of the encoder itself were trained, which no module of Layover does; "
        'train it again with bias="none"'
    )


def _start(values: Values) -> str:
    start = values.get("init_lora_weights", True)
    if start is None or isinstance(start, bool) or (isinstance(start, str) and start in STARTS):
        return ""
    return (
        f"init_lora_weights is {shown(start)}: the weights belong to an encoder that was changed at the start; convert "
        "it (path_initial_model_for_weight_conversion of peft's save_pretrained)"
    )


def _flag(name: str) -> Callable[[Values], str]:
    def check(values: Values) -> str:
        value = values.get(name, False)
        return "" if isinstance(value, bool) else f"{name} is {shown(value)}, neither true nor false"

    return check


def _number(name: str) -> Callable[[Values], str]:
    def check(values: Values) -> str:
        value = values.get(name, 8)  # peft's own default of both
        if not is_number(value):
            return f"{name} is {shown(value)}, no number above 0"
        return f"{name} is {value}, no whole number" if name == "r" and not isinstance(value, int) else ""

    return check


def _pattern(name: str) -> Callable[[Values], str]:
    def check(values: Values) -> str:
        given = values.get(name, {})
        return "" if isinstance(given, dict) else f"{name} is {shown(given)}, no object"

    return check


def is_number(value: object) -> bool:
    """Return whether a value is a number that a rank or an alpha can be."""
    return not isinstance(value, bool) and isinstance(value, (int, float)) and 0 < value < 2**31


_EVERY = (_targets, _excluded, _saved, _layers)
_OF_LOW_RANK = (
    _bias,
    _start,
    _flag("use_dora"),
    _flag("use_rslora"),
    _number("r"),
    _number("lora_alpha"),
    _pattern("rank_pattern"),
    _pattern("alpha_pattern"),
)
