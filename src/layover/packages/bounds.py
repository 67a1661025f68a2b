"""What may stand on a card at most. A card may come from anybody; one with absurd numbers is refused as it is read.

All bounds are far above anything that was ever trained, so that nothing is made as large as a stranger says.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

MOST_LAYERS = 128
MOST_FEATURES = 2**16
MOST_WORDS = 2**24
MOST_TOKENS = 2**13
"""Of a row of the task."""
MOST_PROBED, MOST_PROBE_TOKENS, MOST_SEEN = 64, 512, 8
"""Rows of a probe, tokens of each, and the numbers that are kept of its hidden state."""
MOST_TOLERANCE = 1e-2
MOST_PIECES = 65
MOST_PATTERNS = 512
"""Rules of one module for its linear maps."""
MOST_NUMBER = 2**31
"""Of any setting; the least is one divided by it."""
MOST_NAME = 200
MOST_CHARACTERS = 2000
"""Of any text."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="a SHA-256, 64 of the digits 0-9 and a-f")]
IDENTIFIER = r"^[A-Za-z][A-Za-z0-9_-]{0,79}$"
Identifier = Annotated[
    str, Field(pattern=IDENTIFIER, description="a name of letters, digits, - and _, a letter first, 80 at most")
]
"""The name of a package: of its folder, and of the module in AdapterHub's layout."""
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
        raise ValueError(f"{value[:80]!r} is no name of a file in a package")
    return value


FileName = Annotated[str, AfterValidator(_plain_name)]
"""Of a file in a package, or in a folder of it."""


def _sane(value: dict[str, Any]) -> dict[str, Any]:
    if "name" not in value:
        raise ValueError("settings of a module or a composition have a name")
    patterns = value.get("patterns", ())
    if not isinstance(patterns, (list, tuple)) or len(patterns) > MOST_PATTERNS:
        raise ValueError(f"a module has a list of at most {MOST_PATTERNS} patterns")
    waiting: list[Any] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, (list, tuple)):
            waiting += one
        elif isinstance(one, (int, float)) and one != 0 and not 1 / MOST_NUMBER <= abs(one) <= MOST_NUMBER:
            raise ValueError(f"{str(one)[:20]} is no number that a setting could have")
    return value


Settings = Annotated[dict[str, Any], AfterValidator(_sane)]
"""Of a module or a composition, as a recipe writes them."""
