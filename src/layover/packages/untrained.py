"""Detect untrained modules: a new module has neutral weights, and every step of training changes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from layover import layouts
from layover.files.safe import each_array, header
from layover.layouts import StoredModule


@dataclass(frozen=True)
class Untrained:
    """The sites where a module is as before the first step of training."""

    places: int
    """Number of sites of the module."""
    untouched: tuple[str, ...]
    """The sites whose neutral weights still have their initial values."""
    weights: str
    """These weights and their value: `B is zero`."""
    otherwise: tuple[str, ...] = ()
    """Other weights that may still change the outputs."""

    @property
    def wholly(self) -> bool:
        """Whether none of its sites was trained."""
        return 0 < self.places == len(self.untouched)

    def message(self) -> str:
        """Return a message on its untrained sites; empty if all sites were trained."""
        if not self.untouched:
            return ""
        if not self.wholly:
            return f"{self.weights} at {len(self.untouched)} of {self.places} sites"
        others = " and ".join(self.otherwise)
        rest = f"only its {others} can change the outputs" if others else "it does not change the outputs"
        return f"{self.weights} at all {self.places} sites, as before the first step of training: {rest}"


def untrained(stored: StoredModule) -> Untrained:
    """Return the untrained sites of a module that was fitted to an encoder.

    Raises:
        ModelError: its file is damaged, or a weight is not finite.
    """
    neutral, names = dict[str, float](), dict[str, tuple[str, str]]()
    for canonical, name in [*stored.names.items(), *stored.factors.items()]:
        place, _, weight = canonical.rpartition(".")
        if weight in stored.module.neutral:
            neutral[name] = stored.module.neutral[weight]
            names[name] = (place, weight)
    return _untrained(stored.file, neutral, names, stored.module.acts_otherwise)


def untrained_file(folder: Path) -> Untrained:
    """Return the untrained sites of a module in another library's folder, for any encoder.

    Raises:
        ModelError: no layout recognises it, or its file is damaged.
    """
    layout = layouts.of(folder)
    neutral, names = dict[str, float](), dict[str, tuple[str, str]]()
    there = header(folder / layout.file)
    for name in there:
        weight = next((end for end in layout.neutral if name.endswith(f".{end}")), None)
        if weight is not None:
            neutral[name] = layout.neutral[weight]
            names[name] = (name.removesuffix(weight), weight)
    others = tuple(end for end in layout.acts_otherwise if any(name.endswith(f".{end}") for name in there))
    return _untrained(folder / layout.file, neutral, names, others)


def _untrained(
    file: Path, neutral: Mapping[str, float], names: Mapping[str, tuple[str, str]], otherwise: tuple[str, ...]
) -> Untrained:
    """Return the sites where all neutral weights have their initial value.

    Args:
        file: The file with the weights.
        neutral: Name in the file -> the initial value of all its numbers.
        names: Name in the file -> its place, and the name of the weight for display.
        otherwise: Other weights that may still change the outputs.
    """
    places: dict[str, bool] = {}
    for name, values in each_array(file, [*neutral]):
        place = names[name][0]
        places[place] = places.get(place, True) and bool((values == neutral[name]).all())
    shown = " and ".join(dict.fromkeys(weight for _, weight in names.values()))
    number = "zero" if not any(neutral.values()) else "one"
    verb = "are" if " and " in shown else "is"
    untouched = tuple(place for place, fresh in places.items() if fresh)
    return Untrained(len(places), untouched, f"{shown} {verb} {number}", otherwise)
