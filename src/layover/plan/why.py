"""Why a node is not cached: its difference to the nearest finished node of its kind and task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from layover.errors import StoreError
from layover.plan.node_paths import data_files
from layover.plan.nodes import Plan, of
from layover.specs.import_ import ImportSpec
from layover.specs.tokenize import TokenizeSpec
from layover.store import Store

Identity = Mapping[str, Any]
LookUp = Callable[[str], Identity | None]

META, MADE_FOR = "meta.json", "made_for"
"""The file of a tokenized set, and the value in it, that says what `made_for` does."""


@dataclass(frozen=True)
class NodeNames:
    """What a plan knows of its nodes that stands in no identity: tasks, labels, and names of files."""

    tasks: Mapping[str, str] = field(default_factory=dict)
    """Key of a node -> its task."""
    files: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)
    """Key of a node -> path in its identity of the SHA-256 of a file -> where the file lies."""
    sets: Mapping[str, str] = field(default_factory=dict)
    """Key of a tokenized set -> its task, split and language."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Key of a node -> its label."""

    @classmethod
    def of(cls, plan: Plan, hash_file: Callable[[Path], str]) -> NodeNames:
        """Return what a plan knows.

        Args:
            plan: Of a recipe.
            hash_file: SHA-256 of a file.
        """
        tasks = {key: name for key, node in plan.nodes.items() if (name := node.spec.of_task)}
        files, sets = dict[str, Mapping[str, Path]](), dict[str, str]()
        for data in of(plan.nodes, TokenizeSpec):
            sets[data.key] = made_for(data.spec)
            hashes = [(hash_file(path), path) for path in data_files(data.spec)]
            files[data.key] = _places(data.spec.canonical(), hashes)
        for module in of(plan.nodes, ImportSpec):
            _, origin = module.spec.located()
            those = [(sha256, origin.place(name)) for name, sha256 in module.spec.files.items()]
            files[module.key] = _places(module.spec.canonical(), those)
        return cls(tasks, files, sets, {key: node.label for key, node in plan.nodes.items()})


NOTHING = NodeNames()


def _places(identity: Identity, files: Sequence[tuple[str, Path]]) -> dict[str, Path]:
    """Return where in an identity the SHA-256 of each file stands; both have them in one order."""
    found, left = dict[str, Path](), [*files]
    for path, value in _leaves(identity, ""):
        one = next((one for one in left if one[0] == value), None)
        if one is not None:
            found[path] = one[1]
            left.remove(one)
    return found


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the values of an identity, each with its path as `_differences` writes it."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{index}]")
    else:
        yield path, value


def explain(
    key: str, identity: Identity, store: Store, planned: Mapping[str, Identity], known: NodeNames = NOTHING
) -> dict[str, Any] | None:
    """Return the finished node with the fewest differences, and these; None when there is none of the kind.

    Nodes of another task come last, those that read other splits or languages next to last. A difference between two
    keys is followed into the nodes they stand for, so that the cause is named (`intermediate > lr`) and not its echo.
    One of a file that the plan knows has its path as `file`, and as `changed` whether both nodes read the data of one
    task, split and language; None where that is not known.

    Args:
        key: Of the node that is missed.
        identity: Of it.
        store: The store.
        planned: Identities of the nodes that are planned, by key.
        known: What else the plan knows.
    """

    @cache
    def look_up(key: str) -> Identity | None:
        if key in planned:
            return planned[key]
        try:
            identity: Identity = store.done(key)["identity"]
        except StoreError:
            return None
        return identity

    @cache
    def made(key: str) -> str:
        if key in known.sets:
            return known.sets[key]
        try:
            return str(store.read(key, META)[MADE_FOR])
        except (StoreError, KeyError):  # it is gone, or an older version made it
            return ""

    def sets_of(key: str, identity: Identity) -> frozenset[str]:
        every = frozenset(made(one) for one in _tokenized(key, identity, look_up))
        return frozenset() if "" in every else every

    task, own = known.tasks.get(key), sets_of(key, identity)
    best: dict[str, Any] | None = None
    least: tuple[Any, ...] = ()
    for other in sorted(store.finished()):
        done = store.done(other)
        if done["kind"] != identity["node"]:
            continue
        differences = _differences(done["identity"], identity, "", look_up, (other, key))
        theirs = sets_of(other, done["identity"])
        far = (
            known.tasks.get(other, task) != task,
            bool(own and theirs and own != theirs),
            *_distance(differences),
            other in planned,  # a node of the plan has a place of its own; what it was before the change has none
        )
        if best is None or far < least:
            best, least = {"key": other, "differences": differences}, far
    if best is not None:
        told = f"{identity['node']} {made(best['key'])}" if identity["node"] == "tokenize" else None
        best["label"] = known.labels.get(best["key"], told)
        best["differences"] = [_with_file(one, known.files, made) for one in best["differences"]]
    return best


def _tokenized(key: str, identity: Identity, look_up: LookUp) -> Iterator[str]:
    """Yield the keys of the tokenized sets that a node reads itself."""
    if identity["node"] == "tokenize":
        yield key
        return
    waiting: list[Any] = [*identity.values()]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif _is_key(value) and (found := look_up(value)) is not None and found.get("node") == "tokenize":
            yield value


def made_for(data: TokenizeSpec) -> str:
    """Return task, split and language of a tokenized set; it may serve others, too, which read the same bytes."""
    return f"{data.task.name} {data.location.split} {data.location.language}"


def _with_file(
    difference: dict[str, Any], files: Mapping[str, Mapping[str, Path]], made: Callable[[str], str]
) -> dict[str, Any]:
    told = {name: value for name, value in difference.items() if name != NODES}
    there, here = difference[NODES]
    path = files.get(here, {}).get(difference["path"].rpartition(" > ")[2])
    if path is None:
        return told
    before, now = made(there), made(here)
    return {**told, "file": str(path), "changed": before == now if before and now else None}


def _distance(differences: list[dict[str, Any]]) -> tuple[int, int]:
    """Return how many values differ, and of these how many stand on one side only.

    A section that the other lacks counts by its values, or a node without it would be nearer than one of the same kind
    in which two of them are different.
    """
    pairs = [(one["there"], one["here"]) for one in differences]
    sections = [value for pair in pairs if None in pair for value in pair if isinstance(value, Mapping)]
    return len(pairs) + sum(len(section) - 1 for section in sections), sum(None in pair for pair in pairs)


NODES = "nodes"
"""What a difference has the keys of both nodes as in whose identities the two values stand."""


def _differences(there: Any, here: Any, path: str, look_up: LookUp, nodes: tuple[str, str]) -> list[dict[str, Any]]:
    if there == here:
        return []
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        found = []
        for name in sorted({*there, *here}):
            inner = f"{path}.{name}" if path else str(name)
            found += _differences(there.get(name), here.get(name), inner, look_up, nodes)
        return found
    if isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        pairs = enumerate(zip(there, here, strict=True))
        return [
            item
            for index, (left, right) in pairs
            for item in _differences(left, right, f"{path}[{index}]", look_up, nodes)
        ]
    if _is_key(there) and _is_key(here):
        left, right = look_up(there), look_up(here)
        if left is not None and right is not None and left["node"] == right["node"]:
            inside = _differences(left, right, "", look_up, (there, here))
            return [{**item, "path": f"{path} > {item['path']}"} for item in inside]
    return [{"path": path, "there": there, "here": here, NODES: nodes}]


def _is_key(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and not set(value) - set("0123456789abcdef")
