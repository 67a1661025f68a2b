"""What a config of peft means on an encoder: which linear maps it changes, and how.

Source: peft 0.21, `check_target_module_exists` and `get_pattern_key`. The names of linear maps are those of the model
that the file was saved of, with the encoder's own name before them where that model had a head.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from layover.errors import ModelError
from layover.layouts._base import Base, as_layers
from layover.layouts._patterns import Patterns
from layover.layouts._peft_checks import is_number
from layover.layouts.safe import shown
from layover.modules import INNER, LINEARS, Module
from layover.modules.dora import Dora
from layover.modules.ia3 import Ia3
from layover.modules.lora import Lora

Place = tuple[int, str]
"""A layer, and the path inside it of a linear map."""
Places = Mapping[Place, Mapping[str, tuple[int, ...]]]
"""Place -> our name of a weight -> its shape in the file."""
Rule = tuple[int, float]
"""Rank and alpha of one linear map."""

ALL_LINEAR = "all-linear"


@dataclass(frozen=True)
class Read:
    """A config that is being read.

    Args:
        values: Of the file.
        base: The encoder.
        short: The encoder's own name is in no key, as in a file that was saved of an encoder without a head.
        where: The file, for messages.
    """

    values: Mapping[str, Any]
    base: Base
    short: bool
    where: str

    def key(self, place: Place) -> str:
        """Return what the model that was saved calls a linear map."""
        path = self.base.path(*place)
        return path if self.short else f"{self.base.prefix}.{path}"

    def module(self, places: Places) -> Module:
        """Return the module that the config means, given what the file has weights for.

        Raises:
            ModelError: the two do not agree, or something in it has no meaning here.
        """
        patterns = Patterns(self.where)
        self._all_there(places, patterns)
        low_rank = self.values.get("peft_type") == "LORA"
        return self._low_rank(places, patterns) if low_rank else self._scales(places, patterns)

    def _all_there(self, places: Places, patterns: Patterns) -> None:
        """Refuse a file with weights for other linear maps than its config asks for on this encoder."""
        asked, layers = self._asked(patterns), self.base.shape.layers
        wanted = (
            (layer, path)
            for layer in range(layers)
            for path in self.base.points.linears.values()
            if asked((layer, path))
        )
        expected = set(wanted)
        for place in sorted(expected - set(places)):
            raise ModelError(
                f"{self.where}: asks for {self.key(place)}, and the file has no weights for it: it is not whole, or "
                f"was trained on an encoder with fewer layers than this one's {layers}"
            )
        for place in sorted(set(places) - expected):
            raise ModelError(f"{self.where}: does not ask for {self.key(place)}, but the file has weights for it")

    def _asked(self, patterns: Patterns) -> Callable[[Place], bool]:
        """Return whether the config asks for a linear map, as peft decides it."""
        target, excluded = self._chosen("target_modules"), self._chosen("exclude_modules")
        layers = self._layers()

        def chosen(one: str | frozenset[str], key: str) -> bool:
            if isinstance(one, str):
                return patterns.whole(one, key)
            parts = key.split(".")
            return any(".".join(parts[start:]) in one for start in range(len(parts)))

        def asked(place: Place) -> bool:
            key = self.key(place)
            if chosen(excluded, key):
                return False
            everywhere = isinstance(target, str) and target.lower() == ALL_LINEAR
            return everywhere or (chosen(target, key) and (layers is None or place[0] in layers))

        return asked

    def _chosen(self, setting: str) -> str | frozenset[str]:
        """Return a pattern of names, or the ends of names; none where it is not there."""
        value: Any = self.values.get(setting)
        return value if isinstance(value, str) else frozenset(value or ())

    def _layers(self) -> frozenset[int] | None:
        """Return the only layers that the config asks for; None for all."""
        value, names = self.values.get("layers_to_transform"), self.values.get("layers_pattern")
        numbers = value if isinstance(value, list) else [] if value is None else [value]
        if not numbers:
            return None
        known = self.base.points.layers
        usual = (known, known.rpartition(".")[2], known.replace(".", r"\."))
        if not all(name in usual for name in (names if isinstance(names, list) else [names] if names else [])):
            raise ModelError(f"{self.where}: layers_pattern is {shown(names)}; the layers are called {usual[1]}")
        return frozenset(numbers)

    def _low_rank(self, places: Places, patterns: Patterns) -> Module:
        """Return the LoRA or DoRA of the config and the shapes of its weights."""
        named = {path: place for place, path in self.base.points.linears.items()}
        rules: dict[tuple[int, str], Rule] = {}
        for place, shapes in places.items():
            rule = self._rule(self.key(place), patterns)
            if "A" not in shapes:
                raise ModelError(f"{self.where}: {self.key(place)}: the file has no lora_A for it")
            if shapes["A"][0] != rule[0]:
                raise ModelError(
                    f"{self.where}: {self.key(place)}: lora_A has {shapes['A'][0]} rows, but its rank is {rule[0]}"
                )
            rules[place[0], named[place[1]]] = rule
        made: type[Lora | Dora] = Dora if self.values.get("use_dora") else Lora
        return made(**low_rank_settings(rules, self.base), rslora=self.values.get("use_rslora", False))

    def _rule(self, key: str, patterns: Patterns) -> Rule:
        """Return rank and alpha that the config gives to a linear map: those of the first pattern that matches."""
        numbers: list[float] = []
        for usual, setting in (("r", "rank_pattern"), ("lora_alpha", "alpha_pattern")):
            number = self.values.get(usual, 8)  # peft's own default of both
            for pattern, other in self.values.get(setting, {}).items():
                if patterns.begins(rf"(.*\.)?({pattern})$", key):
                    number = other
                    break
            if not is_number(number):
                raise ModelError(f"{self.where}: {usual} of {key} is {shown(number)}, no number above 0")
            numbers.append(number)
        rank, alpha = numbers
        if not isinstance(rank, int):
            raise ModelError(f"{self.where}: r of {key} is {rank}, no whole number")
        return rank, float(alpha)

    def _scales(self, places: Places, patterns: Patterns) -> Module:
        """Return the IA3 of the config; what comes into its last linear map are the layer's inner activations."""
        found = set[tuple[int, str]]()
        for (layer, path), inward in self.inward(places, patterns).items():
            name = next(name for name, known in self.base.points.linears.items() if known == path)
            if inward and name not in COMES_IN:
                raise ModelError(
                    f"{self.where}: scales what comes into {self.key((layer, path))}; Layover's IA3 scales what comes "
                    f"out of a linear map, or what comes into {' or '.join(COMES_IN)}"
                )
            found.add((layer, COMES_IN[name] if inward else name))
        layers, target = sorted({layer for layer, _ in found}), sorted({name for _, name in found})
        for layer in layers:
            for name in target:
                if (layer, name) not in found:
                    raise ModelError(f"{self.where}: {name} is scaled in some layers and not in layer {layer}")
        return Ia3(target=tuple(target), layers=as_layers(layers, self.base.shape.layers))

    def value_layers(self, places: Places) -> dict[int, bool]:
        """Return the layers in which what comes into `attention_output` is scaled, and whether the values are, too."""
        inward, linears = self.inward(places, Patterns(self.where)), self.base.points.linears
        summed = [place[0] for place, yes in inward.items() if yes and place[1] == linears["attention_output"]]
        return {layer: (layer, linears["value"]) in places for layer in summed}

    def inward(self, places: Places, patterns: Patterns) -> dict[Place, bool]:
        """Return of each place whether its scales act on what comes in, as those of the feed-forward maps do."""
        chosen = self._chosen("feedforward_modules")
        return {place: _ends(chosen, self.key(place), patterns) for place in places}


COMES_IN = {"output": INNER, "attention_output": "value"}
"""A linear map -> what comes in is scaled by scaling what comes out of this.

Attention sums values feature by feature, so that scaled values and a scaled sum of them are the same.
"""


def _ends(chosen: str | frozenset[str], key: str, patterns: Patterns) -> bool:
    """Return whether a linear map is among the feed-forward ones: in a list peft takes ends of texts, not of names."""
    if isinstance(chosen, str):
        return patterns.whole(chosen, key)
    return any(key[at:] in chosen for at in range(len(key) + 1))


def low_rank_settings(rules: Mapping[tuple[int, str], Rule], base: Base) -> dict[str, Any]:
    """Return the settings of a low-rank module with a rule for each linear map: layer and name -> rank and alpha."""
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
    settings["layers"] = as_layers(layers, base.shape.layers)
    return settings | ({"patterns": tuple(patterns)} if patterns else {})
