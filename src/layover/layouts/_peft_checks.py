"""What a config of peft asks for that no module of Layover does: all of it at once, whatever the encoder.

Source: peft 0.21, `PeftConfig` and its subclasses.
"""

from __future__ import annotations

from typing import Any

from layover import modules
from layover.errors import shown
from layover.escape import listed
from layover.modules import Module
from layover.modules._forms import InPeft, Values

HEADS = ("classifier", "score", "qa_outputs")
"""What transformers calls heads, of which peft keeps all weights beside a module (`modules_to_save`)."""
_COMMON = {
    *("auto_mapping", "base_model_name_or_path", "revision", "peft_type", "peft_version", "task_type"),
    *("exclude_modules", "inference_mode", "layers_pattern", "layers_to_transform", "modules_to_save"),
    "target_modules",
}
"""Settings of every config that are read, or decide nothing about finished weights."""


def mistakes(values: Values) -> list[str]:
    """Return what is refused of a config, in a sentence each; nothing where only an encoder can tell more."""
    kind = kind_of(values)
    if kind is None:
        merged = "where peft can merge_and_unload() it into the encoder, save that and name it under models"
        return [f"peft_type {shown(values.get('peft_type'))}: Layover has {_known()}; {merged}"]
    form = kinds()[kind]
    unknown = [
        f"{shown(name)} is {shown(value)}: not known here; what it does would be lost"
        for name, value in values.items()
        if value and name not in _COMMON and name not in form.settings
    ]
    return [*unknown, *(text for check in (*_EVERY, *form.checks) if (text := check(values)))]


def kind_of(values: Values) -> type[Module] | None:
    """Return the kind of modules that a config is of; None where no module of Layover says that it is."""
    asked = {kind: form.switch for kind, form in kinds().items() if form.type == values.get("peft_type")}
    switched = [kind for kind, switch in asked.items() if switch and values.get(switch)]
    return next(iter([*switched, *(kind for kind, switch in asked.items() if not switch)]), None)


def kinds() -> dict[type[Module], InPeft]:
    """Return how each kind of modules is known that says how peft writes it."""
    every = (kind for kind in modules.every() if kind.states("in_peft"))
    return {kind: kind.in_peft for kind in every if kind.in_peft is not None}


def _known() -> str:
    """Return the types of peft that are read, and the settings that make other modules of them."""
    types = listed([*dict.fromkeys(form.type for form in kinds().values())])
    switches = ", ".join(f"{kind.called()}: {form.switch}" for kind, form in kinds().items() if form.switch)
    return f"{types} ({switches})" if switches else types


def are_texts(value: object) -> bool:
    """Return whether a value is a list of texts."""
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _targets(values: Values) -> str:
    return _chosen(values, "target_modules")


def _excluded(values: Values) -> str:
    return "" if values.get("exclude_modules") is None else _chosen(values, "exclude_modules")


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


_EVERY = (_targets, _excluded, _saved, _layers)
