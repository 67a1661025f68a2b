"""AdapterHub's layout: `adapter_config.json` with a `model_class`, `adapter.safetensors`.

Source: adapters 1.3.0 (`save_adapter(use_safetensors=True)`, `configuration/adapter_config.py`, `loading.py`). The name
of the module stands inside the keys of its weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from layover.errors import MistakesError, ModelError, shown
from layover.files.safe import header
from layover.layouts._adapterhub_checks import LEAVE_OUT, NAMED, kind_of, kinds, mistakes, version_of
from layover.layouts._base import CONFIG, Base, Fitted, Found, Layout, Named, layers_in, named_model
from layover.modules import Module
from layover.modules._base import as_layers
from layover.modules._forms import AdaptersFolder, Form, InFile, NoForm

WEIGHTS, PICKLE = "adapter.safetensors", "pytorch_adapter.bin"
VERSION = "adapters.1.3.0"

CLASSES: Mapping[str, str] = {
    "bert": "BertAdapterModel",
    "roberta": "RobertaAdapterModel",
    "xlm-roberta": "XLMRobertaAdapterModel",
}
"""`model_type` -> what adapters calls its model with heads; it has none for CamemBERT."""


class AdapterHub(Layout):
    """What adapters loads; which modules have a form, each module says (`Module.to_adapters`)."""

    name: ClassVar[str] = "adapterhub"
    owner: ClassVar[str] = "AdapterHub"
    library: ClassVar[str] = "adapters"
    file: ClassVar[str] = WEIGHTS
    pickle: ClassVar[str] = PICKLE
    mark: ClassVar[str] = "model_class"
    advice: ClassVar[str] = "Load it with adapters where you trust it, and save_adapter(..., use_safetensors=True)"

    @property
    def kinds(self) -> Mapping[type[Module], Mapping[str, str]]:
        return {kind: form.ends for kind, form in kinds().items()}

    def stated(self, module: Module, base: Base) -> Form | NoForm:
        if base.model_type not in CLASSES:
            return NoForm(f"adapters takes no encoders of the type {base.model_type}")
        if not module.states("to_adapters"):
            return Module.to_adapters(module, base.shape)
        return module.to_adapters(base.shape)

    def config(self, module: Module, base: Base, named: Named) -> dict[str, Any]:
        _check_name(named.name)
        form = self.formed(module, base)
        layers = {weight.place[0] for weight in form.weights.values()}
        left_out = [layer for layer in range(base.shape.layers) if layer not in layers]
        return {
            "config": dict(sorted({**form.settings, LEAVE_OUT: left_out}.items())),
            "hidden_size": base.shape.hidden,
            "model_class": CLASSES[base.model_type],
            "model_name": named.model or "",
            "model_type": base.model_type,
            "name": named.name,
            "version": VERSION,
        }

    def called(self, weight: InFile, base: Base, name: str) -> str:
        return f"{base.prefix}.{base.full(weight.place)}.{weight.end.format(name)}"

    def mistakes(self, config: Mapping[str, Any]) -> list[str]:
        return mistakes(config)

    def read(self, folder: Path, base: Base) -> Found:
        written, file, where = self.checked(folder), folder / self.file, str(folder / CONFIG)
        wrong = [
            f"{setting} is {shown(written.get(setting))}, but the encoder's is {ours}"
            for setting, ours in (("model_type", base.model_type), ("hidden_size", base.shape.hidden))
            if written.get(setting) != ours
        ]
        if wrong:
            raise MistakesError(where, wrong)
        config, name = written["config"], written["name"]
        kind = kind_of(config)
        if kind is None:
            raise ModelError(f"{where}: no module of Layover says that this is its config")
        module = kind.from_adapters(AdaptersFolder(config, version_of(written), _layers(config, base, where)))
        there = header(file)
        layers_in(base, [place[0] for key in there if (place := base.split(key)) is not None], str(file))
        short = any(key.startswith(f"{base.points.layers}.") for key in there)
        weights = {}
        for own, weight in self.formed(module, base).weights.items():
            theirs = self.called(weight, base, name)
            weights[own] = (theirs.removeprefix(f"{base.prefix}.") if short else theirs, weight.shape)
        return replace(Fitted(module, base, file).found(weights), model=named_model(written.get("model_name")))


def _check_name(name: str) -> None:
    """Refuse a name under which adapters cannot keep a module: those of its containers' own attributes."""
    from torch import nn

    if NAMED.fullmatch(name) is None or hasattr(nn.ModuleDict(), name):
        raise ModelError(f"{name!r}: adapters can have no module of that name; choose another one")


def _layers(config: Mapping[str, Any], base: Base, where: str) -> str | tuple[int, ...]:
    out = set(config.get(LEAVE_OUT) or ())
    kept = [layer for layer in range(base.shape.layers) if layer not in out]
    if not kept:
        raise ModelError(f"{where}: leave_out leaves no layer of the encoder's {base.shape.layers}")
    return as_layers(kept, base.shape.layers)


LAYOUT = AdapterHub()
