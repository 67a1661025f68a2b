"""Limits on the values of a card. A card may come from anyone, so a card with absurd numbers is refused when read.

All limits are far above every trained module, and no card can make Layover allocate more.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

MOST_LAYERS = 128
MOST_FEATURES = 2**16
MOST_WORDS = 2**24
MOST_TOKENS = 2**13
"""Tokens of a row of the task."""
MOST_PROBED, MOST_PROBE_TOKENS, MOST_SEEN = 64, 512, 8
"""Rows of a probe, tokens per row, and numbers kept per hidden state."""
MOST_TOLERANCE = 1e-2
MOST_ATTACHMENTS = 65
MOST_ENTRIES = 512
"""Entries of a list or mapping in the settings of a module: layers, linear maps, rules for linear maps."""
MOST_NUMBER = 2**31
"""Largest absolute value of a setting; the smallest is its reciprocal, or zero."""
MOST_NAME = 200
MOST_CHARACTERS = 2000
"""Characters of any text."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="a SHA-256, 64 of the digits 0-9 and a-f")]
IDENTIFIER = r"^[A-Za-z][A-Za-z0-9_-]{0,79}$"
Identifier = Annotated[
    str, Field(pattern=IDENTIFIER, description="a name of letters, digits, - and _, a letter first, 80 at most")
]
"""The name of a package: the name of its folder, and of the module in AdapterHub's layout."""
Distribution = Annotated[
    str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,78}[a-z0-9])?$", description="the name of a distribution, normalised")
]
Release = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+!_-]{0,79}$", description="the version of a distribution")
]
ProbeRow = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1, max_length=MOST_PROBE_TOKENS)]
"""Token ids."""
Seen = Annotated[tuple[float, ...], Field(min_length=1, max_length=MOST_SEEN)]
"""The first numbers of a hidden state."""


def _plain_name(value: str) -> str:
    parts = value.split("/")
    plain = len(value) <= MOST_NAME and value.isprintable() and not set(value) & set("\\:")
    if not plain or len(parts) > 2 or not all(part and not part.startswith(".") for part in parts):
        raise ValueError(f"{value[:80]!r} cannot be the name of a file in a package")
    return value


FileName = Annotated[str, AfterValidator(_plain_name)]
"""The name of a file in a package, or in a folder of the package."""


def _sane(value: dict[str, Any]) -> dict[str, Any]:
    if "name" not in value:
        raise ValueError("the settings of a module or a composition need a name")
    waiting: list[Any] = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, (dict, list, tuple)) and len(current) > MOST_ENTRIES:
            raise ValueError(f"a setting has {len(current):,} entries, but may have at most {MOST_ENTRIES}")
        if isinstance(current, dict):
            waiting += current.values()
        elif isinstance(current, (list, tuple)):
            waiting += current
        elif isinstance(current, (int, float)) and current != 0 and not 1 / MOST_NUMBER <= abs(current) <= MOST_NUMBER:
            raise ValueError(f"{str(current)[:20]} is too large or too small for a setting")
    return value


Settings = Annotated[dict[str, Any], AfterValidator(_sane)]
"""The settings of a module or a composition, as a recipe writes them."""
