"""Checks of values in a declared task: separator, encoding, name of a language."""

from __future__ import annotations

import codecs
import re
from typing import Annotated

from pydantic import AfterValidator

from layover.data.formats import SEPARATORS

_FORBIDDEN = '"\r\n\0'

_NAME = re.compile(r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*")


def check_separator(value: object) -> object:
    """Return the name of a separator, or the separator itself if it has no name.

    Raises:
        ValueError: the value cannot separate columns.
    """
    names = ", ".join((*SEPARATORS, "whitespace"))
    if not isinstance(value, str) or not value or any(character in value for character in _FORBIDDEN):
        raise ValueError(f"{value!r} cannot separate columns; write one character, or a name: {names}")
    if len(value) > 1 and value.isalpha() and value not in (*SEPARATORS, "whitespace"):
        raise ValueError(f"{value!r} is not the name of a separator; write one of {names}, or the character itself")
    return next((name for name, character in SEPARATORS.items() if character == value), value)


def check_encoding(value: object) -> object:
    """Return the name of a text encoding, or None for UTF-8, the default.

    Raises:
        ValueError: Python has no text encoding of this name.
    """
    if value is None:
        return None
    try:
        name = codecs.lookup(str(value)).name
        b"ab".decode(name, errors="replace")  # fails for codecs that do not decode to text
    except (LookupError, ValueError):
        known = "utf-8, latin-1, cp1252, cp1250, cp1251, utf-16, gb18030, big5, shift_jis, euc_kr"
        raise ValueError(f"{value!r} is not an encoding; write a name that Python knows: {known} ...") from None
    return None if name in {"utf-8", "utf-8-sig"} else value


def language_name(name: str) -> str:
    """Return the name of a language if it is fit for tables, paths and records.

    Raises:
        ValueError: it is empty, or has other characters than ASCII letters, digits, and single `-` and `_` within.
    """
    if not name.strip():
        raise ValueError("the name of a language is empty; write its code, for example sw")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is not the name of a language; write its code in letters, digits, - and _, for example zh-CN"
        )
    return name


LanguageName = Annotated[str, AfterValidator(language_name)]
