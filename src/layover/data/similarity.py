"""How similar two languages are by their typological features.

Source: URIEL through lang2vec, Littell et al. 2017; `lang2vec.txt` names version and licence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from layover.data.languages import named

MEASURES = ("syntax", "phonology", "inventory", "family")


@dataclass(frozen=True)
class _Features:
    """The features that one language has."""

    bits: tuple[int, int, int]
    """Syntax, phonology and inventory: a set bit is a feature that the language has."""
    families: frozenset[int]
    """Empty if they are unknown."""


def similarity(language: str, other: str) -> dict[str, float | None] | None:
    """Return measure -> cosine similarity of two languages, from 0 to 1; None if a language is unknown.

    The similarity of families is None if the family of a language is unknown.

    Args:
        language: Name of a language: `de`, `deu`, `zh-CN`, `arb_Arab`. A pair of languages is unknown.
        other: Name of another language.
    """
    first, second = (_features_of(name) for name in (language, other))
    if first is None or second is None:
        return None
    bits: list[float | None] = [
        _cosine((own & there).bit_count(), own.bit_count(), there.bit_count())
        for own, there in zip(first.bits, second.bits, strict=True)
    ]
    families = first.families, second.families
    shared = _cosine(len(families[0] & families[1]), *map(len, families)) if all(families) else None
    return dict(zip(MEASURES, [*bits, shared], strict=True))


def _cosine(shared: int, own: int, other: int) -> float:
    return float(shared / (own * other) ** 0.5)


def _features_of(name: str) -> _Features | None:
    language = named(name)
    return _table().get(language.codes[0]) if len(language.codes) == 1 and not language.doubtful else None


@cache
def _table() -> Mapping[str, _Features]:
    """Return code of a language, the shortest one or that of its features -> its features."""
    text = (files("layover.data") / "lang2vec.txt").read_text(encoding="ascii")
    table: dict[str, _Features] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        code, individual, *numbers, families = line.split()
        syntax, phonology, inventory = (int(number, 16) for number in numbers)
        members = frozenset() if families == "-" else frozenset(map(int, families.split(",")))
        features = _Features((syntax, phonology, inventory), members)
        table[code] = features
        table.setdefault(individual, features)
    return table
