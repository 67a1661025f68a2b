"""Whether a module was ever trained: what a fresh one begins with is neutral, and a step of training changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from layover import layouts
from layover.files.safe import each_array, header
from layover.layouts import StoredModule


@dataclass(frozen=True)
class Untrained:
    """Where a module is as before the first step of training."""

    places: int
    """Where it acts."""
    untouched: tuple[str, ...]
    """Those at which its neutral weights are as they began."""
    weights: str
    """These weights and their number, `B is zero`."""
    otherwise: tuple[str, ...] = ()
    """Weights that may change something even so."""

    @property
    def wholly(self) -> bool:
        """Whether nothing of it was trained."""
        return 0 < self.places == len(self.untouched)

    def told(self) -> str:
        """Return how much of it was not trained; empty where all was."""
        if not self.untouched:
            return ""
        if not self.wholly:
            return f"{self.weights} at {len(self.untouched)} of {self.places} places"
        rest = f"at most its {' and '.join(self.otherwise)} can change" if self.otherwise else "it changes"
        rest += " something" if self.otherwise else " nothing"
        return f"{self.weights} at all {self.places} places, as before the first step of training: {rest}"


def untrained(found: StoredModule) -> Untrained:
    """Return where a module that was fitted to an encoder was not trained.

    Raises:
        ModelError: its file is damaged, or a weight is not finite.
    """
    neutral, names = dict[str, float](), dict[str, tuple[str, str]]()
    for canonical, theirs in [*found.names.items(), *found.factors.items()]:
        place, _, weight = canonical.rpartition(".")
        if weight in found.module.neutral:
            neutral[theirs] = found.module.neutral[weight]
            names[theirs] = (place, weight)
    return _untrained(found.file, neutral, names, found.module.acts_otherwise)


def untrained_file(folder: Path) -> Untrained:
    """Return where the module of a folder of another library was not trained, whatever encoder it is for.

    Raises:
        ModelError: no layout knows it, or its file is damaged.
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
    """Return at which places all neutral weights are neutral.

    Args:
        file: With the weights.
        neutral: Name in the file -> the number of which all of it is in a fresh module.
        names: Name in the file -> its place, and what the weight is called for people.
        otherwise: See `Untrained.otherwise`.
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
