"""peft's layout: `adapter_config.json` with a `peft_type`, `adapter_model.safetensors`.

Weights are written with the encoder's name in full, `base_model.model.roberta.encoder...`, as a model with a head has
it; either form is read. Source: peft 0.21 (`save_pretrained`, `tuners/lora`, `tuners/ia3`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from layover.errors import ModelError, nearest
from layover.layouts._base import CONFIG, Base, Found, Layout, Named, as_layers, inside, layers_in, only_pickle
from layover.layouts.safe import header, plain_file, read_json
from layover.modules import INNER, LINEARS, Module, Site
from layover.modules.dora import Dora
from layover.modules.ia3 import Ia3
from layover.modules.lora import Lora

BEFORE = "base_model.model."
HEADS = re.compile(r"base_model\.model\.(classifier|score|qa_outputs)(\.\w+){1,3}")
"""Weights of a head that peft saved with a module (`modules_to_save`)."""
LOW_RANK = {"A": "lora_A.weight", "B": "lora_B.weight", "magnitude": "lora_magnitude_vector"}
SCALE = {"scale": "ia3_l"}
STARTS = (True, False, "gaussian", "orthogonal", "eva")
"""Values of `init_lora_weights` that leave the encoder's own weights as they are."""
NOT_HERE: Mapping[str, tuple[Any, ...]] = {
    "bias": ("none",),
    "fan_in_fan_out": (False,),
    "lora_bias": (False,),
    "layer_replication": (None,),
    "alora_invocation_tokens": (None,),
    "use_qalora": (False,),
    "use_bdlora": (None, False),
    "arrow_config": (None,),
    "kasa_config": (None,),
    "velora_config": (None,),
    "monteclora_config": (None,),
    "target_parameters": (None, []),
    "trainable_token_indices": (None, []),
    "loftq_config": (None, {}),
    "corda_config": (None,),
    "lora_ga_config": (None,),
    "megatron_config": (None,),
}
"""Settings of LoRA that Layover's has no counterpart for -> the values that mean they are not used."""
Rule = tuple[int, float]
"""Rank and alpha of one linear map."""


class Peft(Layout):
    """LoRA, DoRA and IA3."""

    name: ClassVar[str] = "peft"
    describe: ClassVar[str] = "peft's LoRA, DoRA and IA3 (adapter_config.json, adapter_model.safetensors)"
    file: ClassVar[str] = "adapter_model.safetensors"

    def refuses(self, module: Module, base: Base) -> str:  # noqa: ARG002
        """See `Layout.refuses`."""
        if module.name not in {"lora", "dora", "ia3"}:
            return f"peft has no {module.name}"
        if module.name == "ia3" and {INNER, "output"} <= set(getattr(module, "target", ())):
            return "peft scales either what goes into the linear map `output` or what comes out of it, not both"
        return ""

    def config(self, module: Module, base: Base, named: Named) -> dict[str, Any]:
        """See `Layout.config`."""
        values = module.model_dump()
        sites = module.sites(base.shape)
        common = {
            "base_model_name_or_path": named.model,
            "revision": named.revision,
            "task_type": None,
            "inference_mode": True,
            "modules_to_save": None,
            "target_modules": _targets(sites, base),
        }
        if module.name == "ia3":
            inner = [site for site in sites if site.place == INNER]
            return {"peft_type": "IA3", **common, "feedforward_modules": _targets(inner, base) if inner else []}
        rules = {base.path(*_where(site, base)): _rule(module, site) for site in sites}
        usual = Counter(rules.values()).most_common(1)[0][0]
        unusual = {re.escape(path): rule for path, rule in rules.items() if rule != usual}
        return {
            "peft_type": "LORA",
            **common,
            "r": usual[0],
            "lora_alpha": _plain(usual[1]),
            "lora_dropout": 0.0,
            "bias": "none",
            "fan_in_fan_out": False,
            "init_lora_weights": True,
            "use_dora": module.name == "dora",
            "use_rslora": bool(values.get("rslora", False)),
            "rank_pattern": {path: rule[0] for path, rule in unusual.items()},
            "alpha_pattern": {path: _plain(rule[1]) for path, rule in unusual.items()},
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

    def recognises(self, folder: Path) -> bool:
        """See `Layout.recognises`."""
        if not (folder / CONFIG).is_file() or "peft_type" not in read_json(folder / CONFIG):
            return False
        if not (folder / self.file).is_file() and (folder / "adapter_model.bin").is_file():
            raise only_pickle(
                folder, "adapter_model.bin", "Save it with safe_serialization=True of peft, or ask its author to"
            )
        return True

    def read(self, folder: Path, base: Base) -> Found:
        """See `Layout.read`."""
        config, file = read_json(folder / CONFIG), plain_file(folder / self.file)
        where, kind = str(folder / CONFIG), config.get("peft_type")
        if kind not in {"LORA", "IA3"}:
            raise ModelError(f"{where}: peft_type {str(kind)[:40]!r}: Layover has LORA and IA3")
        there = header(file)
        heads = [name for name in there if HEADS.fullmatch(name)]
        rest = {name: entry.shape for name, entry in there.items() if name not in heads}
        places = _places(rest, base, str(file), LOW_RANK if kind == "LORA" else SCALE)
        layers_in(base, [layer for layer, _ in places], str(file))
        _all_there(config, set(places), base, where)
        module = _low_rank(config, places, base, where) if kind == "LORA" else _scales(config, places, base, where)
        short = any(name.startswith(f"{BEFORE}{base.points.layers}.") for name in rest)
        return self._found(module, base, file, heads, short=short)

    def _found(self, module: Module, base: Base, file: Path, heads: Sequence[str], *, short: bool) -> Found:
        if not short:
            return self.found(module, base, "", file, heads)
        return _Short().found(module, base, "", file, heads)


class _Short(Peft):
    """The same, saved of an encoder without a head: the encoder's own name is in no key."""

    def names(self, module: Module, base: Base, name: str) -> dict[str, str]:
        long = super().names(module, base, name)
        return {own: theirs.replace(f"{BEFORE}{base.prefix}.", BEFORE, 1) for own, theirs in long.items()}


def _where(site: Site, base: Base) -> tuple[int, str]:
    """Return the layer of a site, and the path inside it of the linear map that peft changes."""
    return site.layer, base.points.linears["output"] if site.place == INNER else inside(base, site)


def _rule(module: Module, site: Site) -> Rule:
    """Return rank and alpha of a low-rank module at a site."""
    rank = module.weights(site)["A"][0]
    scale: float = module.scale(site)  # type: ignore[attr-defined]
    return rank, scale * (rank**0.5 if module.rslora else rank)  # type: ignore[attr-defined]


def _plain(alpha: float) -> float | int:
    """Return a whole number as peft's users write it."""
    nearest_whole = round(alpha)
    return nearest_whole if abs(alpha - nearest_whole) < 1e-9 else alpha


def _targets(sites: Sequence[Site], base: Base) -> str | list[str]:
    """Return what peft calls linear maps: their last names where these say it, else a pattern of the full names.

    `output.dense` is the end of `attention.output.dense` too, and a list of names means all layers.
    """
    by_paths: dict[tuple[str, ...], list[int]] = {}
    for layer in sorted({site.layer for site in sites}):
        paths = tuple(_where(site, base)[1] for site in sites if site.layer == layer)
        by_paths.setdefault(paths, []).append(layer)
    every = list(range(base.shape.num_layers))
    if len(by_paths) == 1 and next(iter(by_paths.values())) == every:
        (paths,) = by_paths
        ends = [path.rpartition(".self.")[2] for path in paths]
        if not any(f".{other}".endswith(f".{end}") for end in ends for other in _others(paths, base)):
            return ends
    groups = [
        rf"({'|'.join(map(str, layers))})\.({'|'.join(re.escape(path) for path in paths)})"
        for paths, layers in by_paths.items()
    ]
    return rf"(.*\.)?{re.escape(base.points.layers)}\.({'|'.join(groups)})"


def _others(paths: Sequence[str], base: Base) -> set[str]:
    return set(base.points.linears.values()) - set(paths)


def _places(
    shapes: Mapping[str, tuple[int, ...]], base: Base, where: str, endings: Mapping[str, str]
) -> dict[tuple[int, str], dict[str, tuple[int, ...]]]:
    """Return (layer, path inside it) -> our name of the weight -> shape, for all weights of a file.

    Raises:
        ModelError: a weight stands at a place where Layover has no modules.
    """
    linears = set(base.points.linears.values())
    found: dict[tuple[int, str], dict[str, tuple[int, ...]]] = {}
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


def _all_there(config: Mapping[str, Any], places: set[tuple[int, str]], base: Base, where: str) -> None:
    """Refuse a file with other places than its config asks for on this encoder: it belongs to a shallower one.

    A pattern of another program is not run; what it asks for is what the file has.
    """
    targets, layers = config.get("target_modules"), config.get("layers_to_transform")
    if isinstance(targets, str):
        return
    if not isinstance(targets, list) or not all(isinstance(target, str) for target in targets):
        raise ModelError(f"{where}: target_modules is neither a pattern nor a list of names")
    wanted = range(base.shape.num_layers) if layers is None else [layers] if isinstance(layers, int) else layers
    if not isinstance(wanted, (list, range)) or not all(type(layer) is int for layer in wanted):
        raise ModelError(f"{where}: layers_to_transform is no list of numbers")
    linears = base.points.linears.values()
    paths = [path for path in linears if any(f".{path}".endswith(f".{target}") for target in targets)]
    expected = {(layer, path) for layer in wanted for path in paths}
    for layer, path in sorted(expected - places):
        raise ModelError(
            f"{where}: asks for {base.path(layer, path)}, and the file has no weights for it: it was trained on an "
            f"encoder with fewer layers than this one's {base.shape.num_layers}"
        )
    for layer, path in sorted(places - expected):
        raise ModelError(f"{where}: does not ask for {base.path(layer, path)}, but the file has weights for it")


def _low_rank(
    config: Mapping[str, Any], places: Mapping[tuple[int, str], Mapping[str, tuple[int, ...]]], base: Base, where: str
) -> Module:
    """Return the LoRA or DoRA of a config and the shapes of its weights."""
    for name, unused in NOT_HERE.items():
        if config.get(name, unused[0]) not in unused:
            raise ModelError(f"{where}: {name} is {str(config[name])[:60]}: Layover's LoRA has no such thing")
    start = config.get("init_lora_weights", True)
    if start not in STARTS:
        raise ModelError(
            f"{where}: init_lora_weights is {str(start)[:40]!r}: the weights belong to an encoder that was changed at "
            "the start; convert it (path_initial_model_for_weight_conversion of peft's save_pretrained)"
        )
    named = {path: place for place, path in base.points.linears.items()}
    rules: dict[tuple[int, str], Rule] = {}
    for (layer, path), shapes in places.items():
        rule = _resolved(config, base.path(layer, path), where)
        rows = shapes.get("A", (0,))[0]
        if rows != rule[0]:
            raise ModelError(f"{where}: {base.path(layer, path)}: lora_A has {rows} rows, but its rank is {rule[0]}")
        rules[layer, named[path]] = rule
    settings = low_rank_settings(rules, base)
    made: type[Lora | Dora] = Dora if _flag(config, "use_dora", where) else Lora
    return made(**settings, rslora=_flag(config, "use_rslora", where))


def _resolved(config: Mapping[str, Any], path: str, where: str) -> Rule:
    """Return rank and alpha that a config gives to a linear map."""
    numbers = []
    for usual, patterns in (("r", "rank_pattern"), ("lora_alpha", "alpha_pattern")):
        value = config.get(usual, 8)  # peft's own default for both
        given = config.get(patterns) or {}
        if not isinstance(given, dict):
            raise ModelError(f"{where}: {patterns} is no object")
        value = next((number for pattern, number in given.items() if _matches(pattern, path, where)), value)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 2**31:
            raise ModelError(f"{where}: {usual} is {str(value)[:40]}, no number above 0")
        numbers.append(value)
    if not isinstance(numbers[0], int):
        raise ModelError(f"{where}: r is {numbers[0]}, no whole number")
    return numbers[0], float(numbers[1])


def _matches(pattern: str, path: str, where: str) -> bool:
    """Return whether peft would take a pattern for a linear map; only such as cannot run for long are tried."""
    if len(pattern) > 400 or set(pattern) & set("*+?{"):
        raise ModelError(f"{where}: the pattern {pattern[:60]!r} repeats something, and is not run")
    try:
        # with the encoder's own name before it or without, as peft does with whatever stands before
        return re.match(rf"(?:.*\.)?(?:{pattern})$", path) is not None
    except re.error as error:
        raise ModelError(f"{where}: the pattern {pattern[:60]!r} is none ({error})") from None


def _flag(config: Mapping[str, Any], name: str, where: str) -> bool:
    value = config.get(name, False)
    if not isinstance(value, bool):
        raise ModelError(f"{where}: {name} is {str(value)[:40]!r}, neither true nor false")
    return value


def low_rank_settings(rules: Mapping[tuple[int, str], Rule], base: Base) -> dict[str, Any]:
    """Return the settings of a low-rank module with a rule for each linear map."""
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
        {"target": (place,), "layers": tuple(those), "rank": rank, **({"alpha": alpha} if rank else {})}
        for (place, (rank, alpha)), those in unusual.items()
    ]
    settings = {"rank": usual[0], "alpha": usual[1], "target": tuple(places)}
    settings["layers"] = as_layers(layers, base.shape.num_layers)
    return settings | ({"patterns": tuple(patterns)} if patterns else {})


def _scales(
    config: Mapping[str, Any], places: Mapping[tuple[int, str], Mapping[str, tuple[int, ...]]], base: Base, where: str
) -> Module:
    """Return the IA3 of the shapes of its weights: a row scales what comes in, a column what goes out."""
    if _flag(config, "fan_in_fan_out", where):
        raise ModelError(f"{where}: fan_in_fan_out: the encoder's linear maps are not transposed")
    named, found = {path: place for place, path in base.points.linears.items()}, {}
    for (layer, path), shapes in places.items():
        place, inward = named[path], len(shapes["scale"]) == 2 and shapes["scale"][0] == 1
        if inward and place != "output":
            raise ModelError(
                f"{where}: {base.path(layer, path)}: scales what comes into {place!r}; Layover's IA3 does so for "
                f"{nearest('output', ['output'])} only"
            )
        found[layer, INNER if inward else place] = True
    layers = sorted({layer for layer, _ in found})
    target = tuple(dict.fromkeys(place for _, place in found))
    for layer in layers:
        for place in target:
            if (layer, place) not in found:
                raise ModelError(f"{where}: {place} is scaled in some layers and not in layer {layer}")
    return Ia3(target=target, layers=as_layers(layers, base.shape.num_layers))


LAYOUT = Peft()
