"""peft's layout: `adapter_config.json` with a `peft_type`, `adapter_model.safetensors`.

Weights are written with the encoder's name in full, `base_model.model.roberta.encoder...`, as a model with a head has
it; either form is read. Source: peft 0.21 (`save_pretrained`, `tuners/lora`, `tuners/ia3`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from layover.errors import ModelError
from layover.layouts._base import CONFIG, Base, Found, Layout, Named, inside, layers_in, named_model
from layover.layouts._peft_checks import HEADS, mistakes
from layover.layouts._peft_config import Place, Read, Rule
from layover.layouts.safe import header
from layover.modules import INNER, Module, Site
from layover.modules.dora import Dora
from layover.modules.ia3 import Ia3
from layover.modules.lora import Lora

BEFORE = "base_model.model."
HEAD = re.compile(rf"base_model\.model\.({'|'.join(HEADS)})(\.\w+){{1,3}}")
"""Weights of a head that peft saved with a module (`modules_to_save`)."""
LOW_RANK = {"A": "lora_A.weight", "B": "lora_B.weight", "magnitude": "lora_magnitude_vector"}
SCALE = {"scale": "ia3_l"}


class Peft(Layout):
    """LoRA, DoRA and IA3."""

    name: ClassVar[str] = "peft"
    describe: ClassVar[str] = "peft's LoRA, DoRA and IA3 (adapter_config.json, adapter_model.safetensors)"
    file: ClassVar[str] = "adapter_model.safetensors"
    pickle: ClassVar[str] = "adapter_model.bin"
    mark: ClassVar[str] = "peft_type"
    neutral: ClassVar[Mapping[str, float]] = {LOW_RANK["B"]: 0.0, SCALE["scale"]: 1.0}
    acts_otherwise: ClassVar[tuple[str, ...]] = (LOW_RANK["magnitude"],)
    advice: ClassVar[str] = "Save it with safe_serialization=True of peft, or ask its author to"

    def refuses(self, module: Module, base: Base) -> str:  # noqa: ARG002
        """See `Layout.refuses`."""
        if not isinstance(module, (Lora, Dora, Ia3)):
            return f"peft has no {module.name}"
        if isinstance(module, Ia3) and {INNER, "output"} <= set(module.target):
            return "peft scales either what goes into the linear map `output` or what comes out of it, not both"
        return ""

    def config(self, module: Module, base: Base, named: Named) -> dict[str, Any]:
        """See `Layout.config`."""
        sites = module.sites(base.shape)
        common = {
            "base_model_name_or_path": named.model,
            "revision": named.revision,
            "task_type": None,
            "inference_mode": True,
            "modules_to_save": None,
            "target_modules": _targets(sites, base),
        }
        if not isinstance(module, (Lora, Dora)):
            inner = [site for site in sites if site.place == INNER]
            return {"peft_type": "IA3", **common, "feedforward_modules": _targets(inner, base) if inner else []}
        rules = {base.path(*_where(site, base)): module.rank_and_alpha(site) for site in sites}
        usual = Counter(rules.values()).most_common(1)[0][0]
        unusual = {re.escape(path): rule for path, rule in rules.items() if rule != usual}
        return {
            "peft_type": "LORA",
            **common,
            "r": usual[0],
            "lora_alpha": _plain(usual),
            "lora_dropout": 0.0,
            "bias": "none",
            "fan_in_fan_out": False,
            "init_lora_weights": True,
            "use_dora": isinstance(module, Dora),
            "use_rslora": module.rslora,
            "rank_pattern": {path: rule[0] for path, rule in unusual.items()},
            "alpha_pattern": {path: _plain(rule) for path, rule in unusual.items()},
        }

    def names(self, module: Module, base: Base, name: str) -> dict[str, str]:  # noqa: ARG002 - it stands in no key
        """See `Layout.names`."""
        found = {}
        for site in module.sites(base.shape):
            path = f"{BEFORE}{base.prefix}.{base.path(*_where(site, base))}"
            for weight in module.weights(site):
                found[f"{site.name}.{weight}"] = f"{path}.{(LOW_RANK | SCALE)[weight]}"
        return found

    def shape(self, canonical: str, site: Site, size: tuple[int, ...]) -> tuple[int, ...]:
        """See `Layout.shape`: the scales of IA3 are columns, or rows where they scale what comes in."""
        if not canonical.endswith(".scale"):
            return size
        return (1, *size) if site.place == INNER else (*size, 1)

    def mistakes(self, config: Mapping[str, Any]) -> list[str]:
        """See `Layout.mistakes`."""
        return mistakes(config)

    def read(self, folder: Path, base: Base) -> Found:
        """See `Layout.read`."""
        config, file, where = self.checked(folder), folder / self.file, str(folder / CONFIG)
        kind = config["peft_type"]
        there = header(file)
        heads = tuple(name for name in there if HEAD.fullmatch(name))
        rest = {name: entry.shape for name, entry in there.items() if HEAD.fullmatch(name) is None}
        places = _places(rest, base, str(file), LOW_RANK if kind == "LORA" else SCALE)
        layers_in(base, [layer for layer, _ in places], str(file))
        short = any(name.startswith(f"{BEFORE}{base.points.layers}.") for name in rest)
        read = Read(config, base, short, where)
        module = read.module(places)
        saved = _Saved(short, read.value_layers(places) if kind == "IA3" else {})
        factors = saved.factors(base)
        for factor in factors.values():
            if there[factor].shape != (1, base.shape.hidden):
                raise ModelError(f"{file}: {factor}: has the shape {list(there[factor].shape)}, not 1 row of scales")
        found = saved.found(module, base, "", file, (*heads, *factors.values()))
        return replace(found, left_out=heads, factors=factors, model=named_model(config.get("base_model_name_or_path")))


class _Saved(Peft):
    """The same with the names that a file has.

    Args:
        short: It was saved of an encoder without a head: the encoder's own name is in no key.
        values: Layer in which what comes into `attention_output` is scaled -> whether the values are scaled, too.
    """

    def __init__(self, short: bool, values: Mapping[int, bool]) -> None:
        self._short, self._values = short, values

    def names(self, module: Module, base: Base, name: str) -> dict[str, str]:
        found = super().names(module, base, name)
        for layer in (layer for layer, too in self._values.items() if not too):
            found[f"layers.{layer}.value.scale"] = self._scaled_sum(layer, base)
        return {own: self._named(theirs, base) for own, theirs in found.items()}

    def factors(self, base: Base) -> dict[str, str]:
        """Return which scales of values are multiplied by which of the file; see `Found.factors`."""
        return {
            f"layers.{layer}.value.scale": self._named(self._scaled_sum(layer, base), base)
            for layer, too in self._values.items()
            if too
        }

    def shape(self, canonical: str, site: Site, size: tuple[int, ...]) -> tuple[int, ...]:
        if site.place == "value" and not self._values.get(site.layer, True):
            return (1, *size)
        return super().shape(canonical, site, size)

    def _named(self, name: str, base: Base) -> str:
        return name.replace(f"{BEFORE}{base.prefix}.", BEFORE, 1) if self._short else name

    def _scaled_sum(self, layer: int, base: Base) -> str:
        path = base.path(layer, base.points.linears["attention_output"])
        return f"{BEFORE}{base.prefix}.{path}.{SCALE['scale']}"


def _where(site: Site, base: Base) -> Place:
    """Return the layer of a site, and the path inside it of the linear map that peft changes."""
    return site.layer, base.points.linears["output"] if site.place == INNER else inside(base, site)


def _plain(rule: Rule) -> float | int:
    """Return alpha, a whole number as peft's users write it."""
    alpha = rule[1]
    return int(alpha) if alpha.is_integer() else alpha


def _targets(sites: Sequence[Site], base: Base) -> str | list[str]:
    """Return what peft calls linear maps: their last names where these say it, else a pattern of the full names.

    `output.dense` is the end of `attention.output.dense` too, and a list of names means all layers.
    """
    by_paths: dict[tuple[str, ...], list[int]] = {}
    for layer in sorted({site.layer for site in sites}):
        paths = tuple(_where(site, base)[1] for site in sites if site.layer == layer)
        by_paths.setdefault(paths, []).append(layer)
    every = list(range(base.shape.layers))
    if len(by_paths) == 1 and next(iter(by_paths.values())) == every:
        (paths,) = by_paths
        ends = [path.rpartition(".self.")[2] for path in paths]
        if not any(f".{other}".endswith(f".{end}") for end in ends for other in _others(paths, base)):
            return ends
    groups = []
    for paths, layers in by_paths.items():
        # all layers are not counted up, so that those that a deeper encoder has more are missed there
        numbers = r"\d+" if layers == every else "|".join(map(str, layers))
        groups.append(rf"({numbers})\.({'|'.join(map(re.escape, paths))})")
    return rf"(.*\.)?{re.escape(base.points.layers)}\.({'|'.join(groups)})"


def _others(paths: Sequence[str], base: Base) -> set[str]:
    return set(base.points.linears.values()) - set(paths)


def _places(
    shapes: Mapping[str, tuple[int, ...]], base: Base, where: str, endings: Mapping[str, str]
) -> dict[Place, dict[str, tuple[int, ...]]]:
    """Return (layer, path inside it) -> our name of the weight -> shape, for all weights of a file.

    Raises:
        ModelError: a weight stands at a place where Layover has no modules.
    """
    linears = set(base.points.linears.values())
    found: dict[Place, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        path, weight = name.removeprefix(BEFORE), ""
        for own, ending in endings.items():
            if path.endswith(f".{ending}"):
                path, weight = path.removesuffix(f".{ending}"), own
        split = base.split(path) if name.startswith(BEFORE) and weight else None
        if split is None or split[1] not in linears:
            raise ModelError(
                f"{where}: {name[:120]}: not a weight of the layers of {base.model_type}; their linear maps are "
                f"{', '.join(sorted(linears))}"
            )
        found.setdefault(split, {})[weight] = shape
    if not found:
        raise ModelError(f"{where}: no weight of a module in it")
    return found


LAYOUT = Peft()
