"""Endings of Turkish words: cases, copulas, the pluperfect, years."""

from __future__ import annotations

from functools import cache

VOICELESS = "fstkçşhp"
UNITS = ("", "de", "de", "te", "te", "te", "da", "de", "de", "da")
"""Locative of a year by the spoken form of its last digit: `1991'de` (bir), `1996'da` (altı)."""
TENS = ("de", "da", "de", "da", "ta", "de", "ta", "te", "de", "da")
"""Locative of a year that ends in 0 by its tens: `1950'de` (elli), `2000'de` (bin)."""


@cache
def inflect(nominative: str, accusative: str, case: str) -> str:
    """Return a case of a noun: nom, acc, dat, loc, abl, gen, ins (with).

    The accusative shows the softened consonant (`kitabı`), the buffer letter (`elmayı`, `polis memurunu`) and the
    harmony (`saati`).
    """
    high, low = accusative[-1], "a" if accusative[-1] in "ıu" else "e"
    ending = accusative[len(nominative) : -1] if accusative.startswith(nominative) else ""
    quote, buffer = "'" if "'" in accusative else "", ending.removeprefix("'")
    if case in {"loc", "abl"}:
        stop = "t" if nominative[-1] in VOICELESS else "d"
        return nominative + quote + ("n" if buffer == "n" else "") + stop + low + ("n" if case == "abl" else "")
    if case == "ins":
        return nominative + quote + ("y" if buffer else "") + "l" + low
    if case == "gen":
        return f"{nominative}{quote}n{high}n" if buffer == "y" else f"{accusative}n"
    return {"nom": nominative, "acc": accusative, "dat": accusative[:-1] + low}[case]


def pluperfect(past: str) -> str:
    """Return `gitmişti` of `gitti`: the pluperfect."""
    vowel = past[-1]
    return f"{past[:-2]}m{vowel}şt{vowel}"


def was_at(place: str) -> str:
    """Return `pazardaydı` of the locative `pazarda`."""
    return place + ("ydı" if place[-1] == "a" else "ydi")


def is_one(nominative: str, accusative: str) -> str:
    """Return `meyvedir` of `meyve`: the noun with the copula."""
    return f"{nominative}{'t' if nominative[-1] in VOICELESS else 'd'}{accusative[-1]}r"


def in_year(year: str) -> str:
    """Return `2015'te` of `2015`."""
    return f"{year}'{TENS[int(year[-2])] if year[-1] == '0' else UNITS[int(year[-1])]}"
