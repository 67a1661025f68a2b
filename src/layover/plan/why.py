"""Why a node is not cached: its difference to the nearest finished node of its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from layover.errors import StoreError
from layover.store import Store

Identity = Mapping[str, Any]


def explain(identity: Identity, store: Store, planned: Mapping[str, Identity]) -> dict[str, Any] | None:
    """Return the finished node with the fewest differences, and these; None when there is none of the kind.

    A difference between two keys is followed into the nodes they stand for, so that the cause is named
    (`intermediate > lr`) and not its echo.

    Args:
        identity: Of the node that is missed.
        store: The store.
        planned: Identities of the nodes that are planned, by key.
    """

    def look_up(key: str) -> Identity | None:
        if key in planned:
            return planned[key]
        try:
            identity: Identity = store.done(key)["identity"]
        except StoreError:
            return None
        return identity

    best: dict[str, Any] | None = None
    least = (0, 0)
    for key in sorted(store.finished()):
        done = store.done(key)
        if done["kind"] != identity["node"]:
            continue
        differences = _differences(done["identity"], identity, "", look_up)
        far = _distance(differences)
        if best is None or far < least:
            best, least = {"key": key, "differences": differences}, far
    return best


def _distance(differences: list[dict[str, Any]]) -> tuple[int, int]:
    """Return how many values differ, and of these how many stand on one side only.

    A section that the other lacks counts by its values, or a node without it would be nearer than one of the same kind
    in which two of them are different.
    """
    pairs = [(one["there"], one["here"]) for one in differences]
    sections = [value for pair in pairs if None in pair for value in pair if isinstance(value, Mapping)]
    return len(pairs) + sum(len(section) - 1 for section in sections), sum(None in pair for pair in pairs)


def _differences(there: Any, here: Any, path: str, look_up: Callable[[str], Identity | None]) -> list[dict[str, Any]]:
    if there == here:
        return []
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        found = []
        for name in sorted({*there, *here}):
            inner = f"{path}.{name}" if path else str(name)
            found += _differences(there.get(name), here.get(name), inner, look_up)
        return found
    if isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        pairs = enumerate(zip(there, here, strict=True))
        return [
            item for index, (left, right) in pairs for item in _differences(left, right, f"{path}[{index}]", look_up)
        ]
    if _is_key(there) and _is_key(here):
        left, right = look_up(there), look_up(here)
        if left is not None and right is not None and left["node"] == right["node"]:
            return [{**item, "path": f"{path} > {item['path']}"} for item in _differences(left, right, "", look_up)]
    return [{"path": path, "there": there, "here": here}]


def _is_key(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and not set(value) - set("0123456789abcdef")
