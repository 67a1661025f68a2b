"""What a config of adapters asks for that no module of Layover does: all of it at once, whatever the encoder.

Source: adapters 1.3.0 (`configuration/adapter_config.py`, `loading.py`).
"""

from __future__ import annotations

import re

from layover import modules
from layover.errors import shown
from layover.modules import Module
from layover.modules._forms import InAdapters, Values

_VERSION = re.compile(r"adapters\.(\d{1,4})\.(\d{1,4})(\.\d{1,4})?", re.ASCII)
NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", re.ASCII)
"""Names of modules that adapters takes; a dot breaks it."""
LEAVE_OUT = "leave_out"
"""The setting that names the layers without the module."""
TRAINING = frozenset({"dropout", "init_weights", "init_weights_seed", "stochastic_depth"})
"""Settings that decide nothing about finished weights."""


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
    kind = kind_of(config)
    if kind is None:
        names = dict.fromkeys(form.architecture for form in kinds().values() if form.architecture is not None)
        architecture = shown(config.get("architecture"))
        return [*found, f'"architecture" is {architecture}: not known here; it is {" or ".join(names)}, or absent']
    form = kinds()[kind]
    return [*found, *_other(config, form), *form.mistakes(config), *_left_out(config)]


def kind_of(config: Values) -> type[Module] | None:
    """Return the kind of modules that a config is of; None where no module of Layover says that it is."""
    architecture = config.get("architecture")
    asked = {kind: form.switch for kind, form in kinds().items() if form.architecture == architecture}
    switched = [kind for kind, switch in asked.items() if switch and config.get(switch)]
    return next(iter([*switched, *(kind for kind, switch in asked.items() if not switch)]), None)


def kinds() -> dict[type[Module], InAdapters]:
    """Return how each kind of modules is known that says how adapters writes it."""
    every = (kind for kind in modules.every() if kind.states("in_adapters"))
    return {kind: kind.in_adapters for kind in every if kind.in_adapters is not None}


def version_of(written: Values) -> tuple[int, int] | None:
    """Return which adapters wrote a config, None where it was none; older ones mean other things by the same words."""
    version = written.get("version")
    found = _VERSION.fullmatch(version) if isinstance(version, str) else None
    return None if found is None else (int(found[1]), int(found[2]))


def _other(config: Values, form: InAdapters) -> list[str]:
    """Return the settings that change what a module computes and have no counterpart here."""
    found, usual = [], form.usual
    for name, value in config.items():
        if name in form.settings or name == LEAVE_OUT or name in TRAINING or name in form.meaningless:
            continue
        if name not in usual:
            if value:  # an older or newer version's, switched on
                found.append(f"{shown(name)} is {shown(value)}: not known here; what it does would be lost")
        elif value != usual[name] or type(value) is not type(usual[name]):
            rest = f": {form.called[name]}" if name in form.called and value else ""
            found.append(f"{name} is {shown(value)}; only {shown(usual[name])} is known here{rest}")
    absent = sorted(set(usual) - TRAINING - form.meaningless - set(config))
    # what is off by default may be left out, as older versions do
    return found + [f"{name} is missing; only {shown(usual[name])} is known here" for name in absent if usual[name]]


def _left_out(config: Values) -> list[str]:
    left = config.get(LEAVE_OUT)
    if left is None or (isinstance(left, list) and all(type(layer) is int and layer >= 0 for layer in left)):
        return []
    return [f"leave_out is {shown(left)}, no list of layers"]
