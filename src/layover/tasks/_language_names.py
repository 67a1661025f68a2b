"""The names of languages in recipes and declarations: codes of letters, digits, `-` and `_`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

_NAME = re.compile(r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*")


def language_name(name: str) -> str:
    """Return the name of a language, which stands in tables, paths and records.

    Raises:
        ValueError: it is empty, or has other characters than ASCII letters, digits, `-` and `_`.
    """
    if not name.strip():
        raise ValueError("the name of a language is empty; write its code, for example sw")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name of a language; write its code in letters, digits, - and _, for example zh-CN"
        )
    return name


LanguageName = Annotated[str, AfterValidator(language_name)]
