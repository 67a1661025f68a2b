"""Sizes of memory and disk as a recipe writes them, `10GiB`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

MOST = 2**60
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,15})?) ?([kmgtp])(i?b)?", re.ASCII | re.IGNORECASE)
HOW = "write it like 12GB, 10GiB or 500MiB"
"""What a size looks like, in words."""


def size_of(text: object, more: str = "") -> int:
    """Return the bytes of a size: `12GiB` and `12G` are 12 x 1024^3, `12GB` is 12 x 1000^3, as in GNU's tools.

    Small letters do, and so does a space before the unit.

    Raises:
        ValueError: it is none, or not between a byte and an exbibyte; the message ends with `more`.
    """
    found = _SIZE.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{text!r} is no size; {HOW}{more}")
    base = 1000 if (found[3] or "").lower() == "b" else 1024
    size = round(float(found[1]) * float(base) ** " kmgtp".index(found[2].lower()))
    if not 1 <= size <= MOST:
        raise ValueError(f"{text!r} is out of range; {HOW}{more}")
    return size


def _bytes(value: object) -> object:
    if value == 0 and isinstance(value, int) and not isinstance(value, bool):
        return 0
    return size_of(value, ", or 0 for none")


def _budget(value: object) -> object:
    return size_of(value)


Bytes = Annotated[int, BeforeValidator(_bytes), Field(ge=0, le=MOST)]
Budget = Annotated[int, BeforeValidator(_budget), Field(ge=1, le=MOST)]
