"""The normalisation of answers for both MLQA metrics, by language."""

from __future__ import annotations

import re
import string
import sys
import unicodedata
from functools import cache

from layover.errors import DataError, nearest

ARTICLES = {
    "en": r"\b(a|an|the)\b",
    "es": r"\b(un|una|unos|unas|el|la|los|las)\b",
    "vi": r"\b(của|là|cái|chiếc|những)\b",
    "de": r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b",
    "ar": r"\sال^|ال",
}
"""Language -> removed articles. The Arabic pattern removes both letters anywhere, as in the official script."""

LANGUAGES = (*ARTICLES, "hi", "zh")
_HAN = r"[\u4e00-\u9fa5]"


def normalise(answer: str, language: str) -> str:
    """Return the answer in lower case, without punctuation and articles, with single spaces between tokens.

    Spaces separate tokens; in Chinese every Han character is also a token. Unlike in SQuAD, the punctuation of all
    scripts is removed. `de-en`, a German context with an English question, is German, because the answer is in the
    context.

    Source: `normalize_answer` of mlqa_evaluation_v1.py, facebookresearch/MLQA; XTREME uses it.

    Raises:
        DataError: MLQA does not have the language, so the official script has no rule for it.
    """
    language = language.partition("-")[0]
    if language not in LANGUAGES:
        raise DataError(f"MLQA has no rule for answers in {language!r}; {nearest(language, LANGUAGES)}")
    text = answer.lower().translate(_punctuation())
    if language in ARTICLES:
        text = re.sub(ARTICLES[language], " ", text)
    if language == "zh":
        text = re.sub(f"({_HAN})", r" \1 ", text)
    return " ".join(text.split())


@cache
def _punctuation() -> dict[int, None]:
    """Return the removed characters: ASCII punctuation, and all characters of the categories P*."""
    everything = range(sys.maxunicode)
    marks = {code for code in everything if unicodedata.category(chr(code)).startswith("P")}
    return dict.fromkeys(marks | {ord(char) for char in string.punctuation})
