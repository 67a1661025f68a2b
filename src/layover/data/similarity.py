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


def similarity(language: str, other: str) -> dict[str, float] | None:
    """Return measure -> cosine similarity of two languages, from 0 to 1; None if a language is unknown.

    Args:
        language: Name of a language: `de`, `deu`, `zh-CN`. A pair of languages is unknown.
        other: Name of another language.
    """
    pair = [_features_of(name) for name in (language, other)]
    first, second = pair
    if first is None or second is None:
        return None
    bits = [
        _cosine((own & there).bit_count(), own.bit_count(), there.bit_count())
        for own, there in zip(first.bits, second.bits, strict=True)
    ]
    shared = _cosine(len(first.families & second.families), len(first.families), len(second.families))
    return dict(zip(MEASURES, (*bits, shared), strict=True))


def _cosine(shared: int, own: int, other: int) -> float:
    return float(shared / (own * other) ** 0.5) if own and other else 0.0


def _features_of(name: str) -> _Features | None:
    codes = named(name).codes
    return _table().get(codes[0]) if len(codes) == 1 else None


@cache
def _table() -> Mapping[str, _Features]:
    """Return code of a language -> its features."""
    text = (files("layover.data") / "lang2vec.txt").read_text(encoding="ascii")
    table = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        code, _, *numbers, families = line.split()
        syntax, phonology, inventory = (int(number, 16) for number in numbers)
        members = frozenset() if families == "-" else frozenset(map(int, families.split(",")))
        table[code] = _Features((syntax, phonology, inventory), members)
    return table
