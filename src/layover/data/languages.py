"""Names of languages: the ISO 639 codes that they stand for, and whether two of them are one language.

Recipes call languages as they like: `eng_Latn`, `zh-CN`, and `de-en` for a pair. A code is read where it has one
meaning; a name that is none is left out.

Source: the hub's check of model cards (`language` must be an ISO 639-1, 639-2 or 639-3 code, or a special value like
"code", "multilingual"); BCP 47 for what stands behind a code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

UNKNOWN = "und"
"""The code of an unknown language (ISO 639-2: undetermined)."""
MULTILINGUAL = "multilingual"
SPECIAL: Mapping[str, str] = {"code": "code", MULTILINGUAL: MULTILINGUAL, "mul": MULTILINGUAL}
"""Values that are no language -> what a hub calls them; ISO's `mul` means several languages."""
_BOTH = (
    "ae af am ar as az ba be bg bi bm bn bo br bs ca ch co cr cu cv cy de dz ee es et fi fj fo fr ga gd gl gn gu hr ht "
    "hu id ie io is it kg ki km kn kr kw ky la lb li lt lu lv mg mh mk ml mn mr ms mt my na ne ng nl no nr om pa pl ps "
    "pt ro ru rw sa sc sd se sg sh si sk sl sm sn so sr ss st sv tg th tk tl tn to tr tt tw ug uz ve vi za"
)
_REGIONS = frozenset(_BOTH.split())
"""Codes of languages that are codes of countries, too: `es-ar` is a pair, or the Spanish of Argentina."""
_ISO_15924 = (
    "adlm arab armn aran beng bopo cans cher cyrl deva ethi geor grek gujr guru hang hani hans hant hebr hira jpan "
    "kana khmr knda kore laoo latn mlym mong mymr nkoo olck orya sinh sund syrc taml telu tfng thaa thai tibt vaii yiii"
)
_SCRIPTS = frozenset(_ISO_15924.split())
"""Codes of ISO 15924 that texts are marked with."""


@dataclass(frozen=True)
class NamedCodes:
    """The codes that a name stands for."""

    codes: tuple[str, ...]
    """The shortest code of each language; empty where the name is none."""
    doubtful: str = ""
    """The second part of a name that may be a language or a country, and is not among the codes."""


@dataclass(frozen=True)
class Listed:
    """Names of languages as a hub lists them."""

    codes: tuple[str, ...]
    """Sorted, each once."""
    left_out: tuple[str, ...]
    """Names that are no codes."""
    doubtful: tuple[str, ...]
    """Names of which the first part alone is among the codes."""


def listed(names: Iterable[str]) -> Listed:
    """Return the codes of several languages, and the names that have none."""
    every = sorted(set(names))
    firsts = frozenset(code for name in every for code in named(name).codes[:1])
    found = {name: named(name, firsts) for name in every}
    codes = sorted({code for one in found.values() for code in one.codes})
    return Listed(
        codes=tuple(codes),
        left_out=tuple(name for name, one in found.items() if not one.codes),
        doubtful=tuple(name for name, one in found.items() if one.doubtful),
    )


def named(name: str, others: frozenset[str] = frozenset()) -> NamedCodes:
    """Return the codes that a name of a language, or of a pair of them, stands for.

    Args:
        name: `en`, `eng_Latn`, `zh-Hans-CN`, `de-en`.
        others: Codes that stand beside it: `es-ar` is a pair where `ar` is one of them.
    """
    if special := SPECIAL.get(name):
        return NamedCodes((special,))
    first, *rest = re.split("[-_]", name.lower() if name.isupper() else name)
    if (code := _shortest(first)) is None:
        return NamedCodes(())
    codes, doubtful = [code], ""
    for part in rest:
        other = _shortest(part)
        if part.lower() in _SCRIPTS or re.fullmatch(r"[A-Z]{2}|\d{3}", part) or other == code:
            continue
        if other is None:
            if re.fullmatch("[a-z]{2}", part):  # the code of a country, and of no language
                continue
            return NamedCodes(())
        if part in _REGIONS and part not in others:
            doubtful = part
        else:
            codes.append(other)
    return NamedCodes(tuple(dict.fromkeys(codes)), doubtful)


def is_other(language: str, trained: str) -> bool | None:
    """Return whether a language differs from the language of training; None if their names do not tell.

    Args:
        language: Name of the language of a text.
        trained: Name of the language of the training data, or `UNKNOWN`.
    """
    if language == trained:
        return None if trained in {UNKNOWN, *SPECIAL} else False
    one, own = set(named(language).codes), set(named(trained).codes)
    if not one or not own or (one | own) & set(SPECIAL.values()):
        return None
    return not one <= own


def _shortest(code: str) -> str | None:
    """Return the shortest code of a language, None for what is no code."""
    return _codes().get(code) if code.islower() else None


@cache
def _codes() -> Mapping[str, str]:
    """Return every code of ISO 639 -> the shortest one of the same language."""
    text = (files("layover.data") / "iso639.txt").read_text(encoding="ascii")
    found: dict[str, str] = {}
    for line in text.splitlines():
        codes = [] if line.startswith("#") else line.split()
        # a line that begins with two letters is one language
        found |= dict.fromkeys(codes, codes[0]) if codes and len(codes[0]) == 2 else {code: code for code in codes}
    return found
