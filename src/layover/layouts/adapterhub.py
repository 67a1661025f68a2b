"""AdapterHub's layout: `adapter_config.json` with a `model_class`, `adapter.safetensors`.

Source: adapters 1.3.0 (`save_adapter(use_safetensors=True)`, `configuration/adapter_config.py`, `loading.py`). The keys
of the weights contain the name of the module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from layover import modules
from layover.errors import MistakesError, ModelError, shown
from layover.files.safe import header
from layover.layouts._base import CONFIG, Base, Fitted, Layout, StoredModule, WrittenNames, layers_in, named_model
from layover.modules import Module
from layover.modules._base import as_layers
from layover.modules._forms import AdaptersFolder, Form, InAdapters, InFile, NoForm, Values

WEIGHTS, PICKLE = "adapter.safetensors", "pytorch_adapter.bin"
VERSION = "adapters.1.3.0"
_VERSION = re.compile(r"adapters\.(\d{1,4})\.(\d{1,4})(\.\d{1,4})?", re.ASCII)
NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", re.ASCII)
"""Names of modules that adapters accepts; a dot breaks adapters."""
LEAVE_OUT = "leave_out"
"""The setting with the layers that have no module."""
TRAINING = frozenset({"dropout", "init_weights", "init_weights_seed", "stochastic_depth"})
"""Settings that do not change how finished weights compute."""


class AdapterHub(Layout):
    """The layout that adapters loads; each module declares its form (`Module.to_adapters`)."""

    name: ClassVar[str] = "adapterhub"
    owner: ClassVar[str] = "AdapterHub"
    library: ClassVar[str] = "adapters"
    file: ClassVar[str] = WEIGHTS
    pickle: ClassVar[str] = PICKLE
    mark: ClassVar[str] = "model_class"
    advice: ClassVar[str] = (
        "If you trust it, load it with adapters and save it with save_adapter(..., use_safetensors=True)"
    )

    @property
    def kinds(self) -> Mapping[type[Module], Mapping[str, str]]:
        return {kind: form.ends for kind, form in kinds().items()}

    def stated(self, module: Module, base: Base) -> Form | NoForm:
        if base.model_type not in base.family.adapters:
            return NoForm(f"adapters does not support encoders of type {base.model_type}")
        if not module.states("to_adapters"):
            return Module.to_adapters(module, base.shape)
        return module.to_adapters(base.shape)

    def config(self, module: Module, base: Base, named: WrittenNames) -> dict[str, Any]:
        _check_name(named.name)
        form = self.formed(module, base)
        layers = {weight.place[0] for weight in form.weights.values()}
        left_out = [layer for layer in range(base.shape.layers) if layer not in layers]
        return config_around({**form.settings, LEAVE_OUT: left_out}, base, named)

    def called(self, weight: InFile, base: Base, name: str) -> str:
        return f"{base.prefix}.{base.full(weight.place)}.{weight.end.format(name)}"

    def mistakes(self, config: Mapping[str, Any]) -> list[str]:
        return mistakes(config)

    def read(self, folder: Path, base: Base) -> StoredModule:
        written, file, where = self.checked(folder), folder / self.file, str(folder / CONFIG)
        wrong = [
            f"{setting} is {shown(written.get(setting))}, but the encoder has {expected}"
            for setting, expected in (("model_type", base.model_type), ("hidden_size", base.shape.hidden))
            if written.get(setting) != expected
        ]
        if wrong:
            raise MistakesError(where, wrong)
        config, name = written["config"], written["name"]
        kind = kind_of(config)
        if kind is None:
            raise ModelError(f"{where}: no module of Layover has a config like this")
        module = kind.from_adapters(AdaptersFolder(config, version_of(written), _layers(config, base, where)))
        there = header(file)
        layers_in(base, [place[0] for key in there if (place := base.split(key)) is not None], str(file))
        short = any(key.startswith(f"{base.family.layers}.") for key in there)
        weights = {}
        for own, weight in self.formed(module, base).weights.items():
            key = self.called(weight, base, name)
            weights[own] = (key.removeprefix(f"{base.prefix}.") if short else key, weight.shape)
        return replace(Fitted(module, base, file).stored_module(weights), model=named_model(written.get("model_name")))


def config_around(settings: Mapping[str, Any], base: Base, named: WrittenNames) -> dict[str, Any]:
    """Return the config that adapters writes for a module or a head with the given settings."""
    return {
        "config": dict(sorted(settings.items())),
        "hidden_size": base.shape.hidden,
        "model_class": base.family.adapters[base.model_type],
        "model_name": named.model or "",
        "model_type": base.model_type,
        "name": named.name,
        "version": VERSION,
    }


def _check_name(name: str) -> None:
    """Refuse a name that adapters cannot use for a module, such as an attribute of its containers."""
    from torch import nn

    if NAMED.fullmatch(name) is None or hasattr(nn.ModuleDict(), name):
        raise ModelError(f"{name!r} cannot be the name of a module in adapters; use another name")


def _layers(config: Mapping[str, Any], base: Base, where: str) -> str | tuple[int, ...]:
    out = set(config.get(LEAVE_OUT) or ())
    kept = [layer for layer in range(base.shape.layers) if layer not in out]
    if not kept:
        raise ModelError(f"{where}: leave_out names all {base.shape.layers} layers of the encoder")
    return as_layers(kept, base.shape.layers)


def mistakes(written: Values) -> list[str]:
    """Return the errors of a config, one sentence each; errors that depend on the encoder are found later."""
    messages = []
    if version_of(written) is None:
        messages.append(
            f"version is {shown(written.get('version'))}, but must be adapters 1.0 or newer: in adapter-transformers, "
            "its predecessor, the same settings have other meanings; load it with adapters and save it again"
        )
    config, name = written.get("config"), written.get("name")
    if not isinstance(name, str) or NAMED.fullmatch(name) is None:
        messages.append(f"name is {shown(name)}, which is not a name that adapters writes")
    if not isinstance(config, dict):
        return [*messages, f"config is {shown(config)}, but must be an object, as adapters writes it"]
    kind = kind_of(config)
    if kind is None:
        names = dict.fromkeys(form.architecture for form in kinds().values() if form.architecture is not None)
        architecture = shown(config.get("architecture"))
        return [*messages, f'"architecture" is {architecture}, but must be {" or ".join(names)}, or absent']
    form = kinds()[kind]
    return [*messages, *_other(config, form), *form.mistakes(config), *_left_out(config)]


def kind_of(config: Values) -> type[Module] | None:
    """Return the kind of modules that a config describes, or None if no module of Layover declares it."""
    architecture = config.get("architecture")
    switches = {kind: form.switch for kind, form in kinds().items() if form.architecture == architecture}
    switched = [kind for kind, switch in switches.items() if switch and config.get(switch)]
    return next(iter([*switched, *(kind for kind, switch in switches.items() if not switch)]), None)


def kinds() -> dict[type[Module], InAdapters]:
    """Return kind of modules -> its form in adapters, for every kind that declares one."""
    every = (kind for kind in modules.every() if kind.states("in_adapters"))
    return {kind: kind.in_adapters for kind in every if kind.in_adapters is not None}


def version_of(written: Values) -> tuple[int, int] | None:
    """Return the version of adapters that wrote a config, or None; older programs use other meanings."""
    version = written.get("version")
    match = _VERSION.fullmatch(version) if isinstance(version, str) else None
    return None if match is None else (int(match[1]), int(match[2]))


def _other(config: Values, form: InAdapters) -> list[str]:
    """Return the errors on settings that change the outputs of a module and have no counterpart in Layover."""
    messages, usual = [], form.usual
    for name, value in config.items():
        if name in form.settings or name == LEAVE_OUT or name in TRAINING or name in form.meaningless:
            continue
        if name not in usual:
            if value:  # a setting of another version, switched on
                messages.append(
                    f"{shown(name)} is {shown(value)}, but Layover lacks this setting; its effect would be lost"
                )
        elif value != usual[name] or type(value) is not type(usual[name]):
            rest = f": {form.called[name]}" if name in form.called and value else ""
            messages.append(f"{name} is {shown(value)}, but Layover only supports {shown(usual[name])}{rest}")
    absent = sorted(set(usual) - TRAINING - form.meaningless - set(config))
    # settings that are off by default may be absent, as in older versions
    return messages + [
        f"{name} is missing; Layover only supports {shown(usual[name])}" for name in absent if usual[name]
    ]


def _left_out(config: Values) -> list[str]:
    left = config.get(LEAVE_OUT)
    if left is None or (isinstance(left, list) and all(type(layer) is int and layer >= 0 for layer in left)):
        return []
    return [f"leave_out is {shown(left)}, but must be a list of layer numbers"]


LAYOUT = AdapterHub()
