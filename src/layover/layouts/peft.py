"""peft's layout: `adapter_config.json` with a `peft_type`, `adapter_model.safetensors`.

Weights are written with the encoder's prefix, `base_model.model.roberta.encoder...`, as in a model with a head; names
with and without the prefix are read. Source: peft 0.21 (`save_pretrained`, `tuners/lora`, `tuners/ia3`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from layover.errors import ModelError
from layover.files.safe import header
from layover.layouts._base import CONFIG, Base, Fitted, Layout, StoredModule, WrittenNames, layers_in, named_model
from layover.layouts._peft_config import HEADS, PeftConfig, kind_of, kinds, mistakes
from layover.layouts._peft_config import Path as Inside
from layover.modules import Module
from layover.modules._forms import Form, InFile, NoForm, Place
from layover.shape import Shape

BEFORE = "base_model.model."
HEAD = re.compile(rf"base_model\.model\.({'|'.join(HEADS)})(\.\w+){{1,3}}")
"""Weights of a head that peft saved with a module (`modules_to_save`)."""


class Peft(Layout):
    """The layout that peft loads; each module declares its form (`Module.to_peft`)."""

    name: ClassVar[str] = "peft"
    owner: ClassVar[str] = "peft"
    library: ClassVar[str] = "peft"
    file: ClassVar[str] = "adapter_model.safetensors"
    pickle: ClassVar[str] = "adapter_model.bin"
    mark: ClassVar[str] = "peft_type"
    advice: ClassVar[str] = "Save it with peft and safe_serialization=True, or ask its author to do so"

    @property
    def kinds(self) -> Mapping[type[Module], Mapping[str, str]]:
        return {kind: form.ends for kind, form in kinds().items()}

    def stated(self, module: Module, base: Base) -> Form | NoForm:
        if not module.states("to_peft"):
            return Module.to_peft(module, _Names(base))
        return module.to_peft(_Names(base))

    def config(self, module: Module, base: Base, named: WrittenNames) -> dict[str, Any]:
        form = self.formed(module, base)
        places = list(dict.fromkeys(weight.place for weight in form.weights.values()))
        return {
            "base_model_name_or_path": named.model,
            "revision": named.revision,
            "task_type": None,
            "inference_mode": True,
            "modules_to_save": None,
            "target_modules": _targets(places, base),
            **form.settings,
        }

    def called(self, weight: InFile, base: Base, name: str) -> str:  # noqa: ARG002 - no key contains it
        return f"{BEFORE}{base.prefix}.{base.full(weight.place)}.{weight.end}"

    def mistakes(self, config: Mapping[str, Any]) -> list[str]:
        return mistakes(config)

    def read(self, folder: Path, base: Base) -> StoredModule:
        config, file, where = self.checked(folder), folder / self.file, str(folder / CONFIG)
        kind = kind_of(config)
        if kind is None:
            raise ModelError(f"{where}: no module of Layover has a config like this")
        there = header(file)
        heads = tuple(name for name in there if HEAD.fullmatch(name))
        rest = {name: entry.shape for name, entry in there.items() if HEAD.fullmatch(name) is None}
        paths = _paths(rest, base, str(file), kinds()[kind].ends)
        layers_in(base, [layer for layer, _ in paths], str(file))
        short = any(name.startswith(f"{BEFORE}{base.family.layers}.") for name in rest)
        read = PeftConfig(config, base, short, where, paths).module(kind)

        def named(weight: InFile) -> str:
            name = self.called(weight, base, "")
            return name.replace(f"{BEFORE}{base.prefix}.", BEFORE, 1) if short else name

        factors = {own: named(weight) for own, weight in read.factors.items()}
        for own, weight in read.factors.items():
            if (shape := there[factors[own]].shape) != weight.shape:
                raise ModelError(
                    f"{file}: {factors[own]}: has the shape {list(shape)}, but {list(weight.shape)} is needed"
                )
        weights = {**self.formed(read.module, base).weights, **read.elsewhere}
        fitted = Fitted(read.module, base, file)
        stored = fitted.stored_module(
            {own: (named(weight), weight.shape) for own, weight in weights.items()}, (*heads, *factors.values())
        )
        return replace(
            stored, left_out=heads, factors=factors, model=named_model(config.get("base_model_name_or_path"))
        )


@dataclass(frozen=True)
class _Names:
    """The names of an encoder's linear maps in peft."""

    base: Base

    @property
    def shape(self) -> Shape:
        return self.base.shape

    def path(self, place: Place) -> str:
        return self.base.full(place)

    def targets(self, places: Sequence[Place]) -> str | list[str]:
        return _targets(places, self.base)


def _targets(places: Sequence[Place], base: Base) -> str | list[str]:
    """Return `target_modules` of peft: the last names if they identify the linear maps, else a pattern of full names.

    `output.dense` is also the end of `attention.output.dense`, and a list of names applies to all layers.
    """
    by_paths: dict[tuple[str, ...], list[int]] = {}
    for layer in sorted({layer for layer, _ in places}):
        paths = tuple(base.inside(place) for other, place in places if other == layer)
        by_paths.setdefault(paths, []).append(layer)
    every = list(range(base.shape.layers))
    if len(by_paths) == 1 and next(iter(by_paths.values())) == every:
        (paths,) = by_paths
        ends = [path.rpartition(".self.")[2] for path in paths]
        if not any(f".{other}".endswith(f".{end}") for end in ends for other in _others(paths, base)):
            return ends
    groups = []
    for paths, layers in by_paths.items():
        # all layers are written as \d+, so that a deeper encoder has linear maps without weights
        numbers = r"\d+" if layers == every else "|".join(map(str, layers))
        groups.append(rf"({numbers})\.({'|'.join(map(re.escape, paths))})")
    return rf"(.*\.)?{re.escape(base.family.layers)}\.({'|'.join(groups)})"


def _others(paths: Sequence[str], base: Base) -> set[str]:
    return set(base.family.linears.values()) - set(paths)


def _paths(
    shapes: Mapping[str, tuple[int, ...]], base: Base, where: str, endings: Mapping[str, str]
) -> dict[Inside, dict[str, tuple[int, ...]]]:
    """Return (layer, path inside it) -> Layover's name of the weight -> shape, for all weights of a file.

    Raises:
        ModelError: a weight belongs to a place where Layover has no modules.
    """
    linears = set(base.family.linears.values())
    paths: dict[Inside, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        path, weight = name.removeprefix(BEFORE), ""
        for own, ending in endings.items():
            if path.endswith(f".{ending}"):
                path, weight = path.removesuffix(f".{ending}"), own
        split = base.split(path) if name.startswith(BEFORE) and weight else None
        if split is None or split[1] not in linears:
            raise ModelError(
                f"{where}: {name[:120]}: not a weight of the layers of {base.model_type}, whose linear maps are "
                f"{', '.join(sorted(linears))}"
            )
        paths.setdefault(split, {})[weight] = shape
    if not paths:
        raise ModelError(f"{where}: the file has no weights of a module")
    return paths


LAYOUT = Peft()
