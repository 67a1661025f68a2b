"""Sizes as a recipe writes them, `10GiB`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT])iB")


def size_of(text: object, more: str = "") -> int:
    """Return the bytes of a size as a recipe writes it, `10GiB`.

    Raises:
        ValueError: it is none; the message ends with `more`.
    """
    found = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{text!r} is no size; write it like 10GiB or 500MiB{more}")
    return round(float(found[1]) * 1024.0 ** " KMGT".index(found[2]))


def _bytes(value: object) -> object:
    if value == 0 and isinstance(value, int) and not isinstance(value, bool):
        return 0
    return size_of(value, ", or 0 for none")


def _budget(value: object) -> object:
    return size_of(value)


Bytes = Annotated[int, BeforeValidator(_bytes)]
Budget = Annotated[int, BeforeValidator(_budget)]
