"""Names of languages: the ISO 639 codes of a name, and whether two names are the same language.

Recipes name languages freely: `eng_Latn`, `zh-CN`, and `de-en` for a pair. A code is used if its meaning is unique;
a name that is no code is left out.

Source: the hub's check of model cards (`language` must be an ISO 639-1, 639-2 or 639-3 code, or a special value like
"code", "multilingual"); BCP 47 for the parts after a code.
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
"""Value that is not a language -> its name on the hub; ISO's `mul` means several languages."""
_BOTH = (
    "ae af am ar as az ba be bg bi bm bn bo br bs ca ch co cr cu cv cy de dz ee es et fi fj fo fr ga gd gl gn gu hr ht "
    "hu id ie io is it kg ki km kn kr kw ky la lb li lt lu lv mg mh mk ml mn mr ms mt my na ne ng nl no nr om pa pl ps "
    "pt ro ru rw sa sc sd se sg sh si sk sl sm sn so sr ss st sv tg th tk tl tn to tr tt tw ug uz ve vi za"
)
_REGIONS = frozenset(_BOTH.split())
"""Codes that name both a language and a country: `es-ar` is a pair of languages, or the Spanish of Argentina."""
_ISO_15924 = (
    "adlm arab armn aran beng bopo cans cher cyrl deva ethi geor grek gujr guru hang hani hans hant hebr hira jpan "
    "kana khmr knda kore laoo latn mlym mong mymr nkoo olck orya sinh sund syrc taml telu tfng thaa thai tibt vaii yiii"
)
_SCRIPTS = frozenset(_ISO_15924.split())
"""ISO 15924 codes of the scripts in common use."""


@dataclass(frozen=True)
class NamedCodes:
    """The codes of one name."""

    codes: tuple[str, ...]
    """The shortest code of each language; empty if the name is not a language."""
    doubtful: str = ""
    """The second part of the name if it may be a language or a country; `codes` does not have it."""


@dataclass(frozen=True)
class Listed:
    """Languages as the hub lists them."""

    codes: tuple[str, ...]
    """Sorted, each once."""
    left_out: tuple[str, ...]
    """Names that are no codes."""
    doubtful: tuple[str, ...]
    """Names of which `codes` has only the first part."""


def listed(names: Iterable[str]) -> Listed:
    """Return the codes of several languages, and the names without a code."""
    every = sorted(set(names))
    firsts = frozenset(code for name in every for code in named(name).codes[:1])
    languages = {name: named(name, firsts) for name in every}
    codes = sorted({code for language in languages.values() for code in language.codes})
    return Listed(
        codes=tuple(codes),
        left_out=tuple(name for name, language in languages.items() if not language.codes),
        doubtful=tuple(name for name, language in languages.items() if language.doubtful),
    )


def named(name: str, others: frozenset[str] = frozenset()) -> NamedCodes:
    """Return the codes of the name of a language or of a pair of languages.

    Args:
        name: `en`, `eng_Latn`, `zh-Hans-CN`, `de-en`.
        others: Codes of the other languages in the list: `es-ar` is a pair if `ar` is among them.
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
            if re.fullmatch("[a-z]{2}", part):  # the code of a country, but of no language
                continue
            return NamedCodes(())
        if part in _REGIONS and part not in others:
            doubtful = part
        else:
            codes.append(other)
    return NamedCodes(tuple(dict.fromkeys(codes)), doubtful)


@cache
def is_other(language: str, trained: str) -> bool | None:
    """Return whether a language differs from the language of training, or None if unknown.

    Args:
        language: Name of the language of a text.
        trained: Name of the language of the training data, or `UNKNOWN`.
    """
    if language == trained:
        return None if trained in {UNKNOWN, *SPECIAL} else False
    codes, trained_codes = set(named(language).codes), set(named(trained).codes)
    if not codes or not trained_codes or (codes | trained_codes) & set(SPECIAL.values()):
        return None
    return not codes <= trained_codes


def _shortest(code: str) -> str | None:
    """Return the shortest code of a language, or None if the text is no code."""
    return _codes().get(code) if code.islower() else None


@cache
def _codes() -> Mapping[str, str]:
    """Return every code of ISO 639 -> the shortest code of the same language."""
    text = (files("layover.data") / "iso639.txt").read_text(encoding="ascii")
    shortest: dict[str, str] = {}
    for line in text.splitlines():
        codes = [] if line.startswith("#") else line.split()
        # a line that begins with a two-letter code is one language; other lines list one language per code
        shortest |= dict.fromkeys(codes, codes[0]) if codes and len(codes[0]) == 2 else {code: code for code in codes}
    return shortest
