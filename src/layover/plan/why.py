"""Explains why a node is not cached: its differences from the nearest finished node of its kind and task."""

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
"""The file of a tokenized set, and the field in it with the text of `made_for`."""


@dataclass(frozen=True)
class NodeNames:
    """Names of a plan's nodes that are not in their identities: tasks, labels, and names of files."""

    tasks: Mapping[str, str] = field(default_factory=dict)
    """Key of a node -> its task."""
    files: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)
    """Key of a node -> path of the SHA-256 of a file in its identity -> path of the file."""
    sets: Mapping[str, str] = field(default_factory=dict)
    """Key of a tokenized set -> its task, split and language."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Key of a node -> its label."""

    @classmethod
    def of(cls, plan: Plan, hash_file: Callable[[Path], str]) -> NodeNames:
        """Return the names of a plan's nodes.

        Args:
            plan: The plan of a recipe.
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
            hashes = [(sha256, origin.place(name)) for name, sha256 in module.spec.files.items()]
            files[module.key] = _places(module.spec.canonical(), hashes)
        return cls(tasks, files, sets, {key: node.label for key, node in plan.nodes.items()})


NOTHING = NodeNames()


def _places(identity: Identity, files: Sequence[tuple[str, Path]]) -> dict[str, Path]:
    """Return path in an identity -> file with the SHA-256 at this path; both list the hashes in the same order."""
    places, left = dict[str, Path](), [*files]
    for path, value in _leaves(identity, ""):
        file = next((file for file in left if file[0] == value), None)
        if file is not None:
            places[path] = file[1]
            left.remove(file)
    return places


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the values of an identity, each with its path in the notation of `_differences`."""
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
    """Return the finished node with the fewest differences, and the differences; None if none of this kind exists.

    Nodes of another task come last; before them come nodes that read other splits or languages. A difference between
    two keys is followed into their nodes, so that the cause is named (`intermediate > lr`). A difference of a file
    that the plan knows has two more fields. `file` is its path. `changed` says whether both nodes read data of the same
    task, split and language, or is None if unknown.

    Args:
        key: The key of the node that is not cached.
        identity: Its identity.
        store: The store.
        planned: Identities of the planned nodes, by key.
        known: Names of the plan's nodes.
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
        except (StoreError, KeyError):  # it was removed, or an older version made it
            return ""

    def sets_of(key: str, identity: Identity) -> frozenset[str]:
        every = frozenset(made(tokenized) for tokenized in _tokenized(key, identity, look_up))
        return frozenset() if "" in every else every

    task, own = known.tasks.get(key), sets_of(key, identity)
    best: dict[str, Any] | None = None
    least: tuple[Any, ...] = ()
    for other in sorted(store.finished()):
        done = store.done(other)
        if done["kind"] != identity["node"]:
            continue
        differences = _differences(done["identity"], identity, "", look_up, (other, key))
        others = sets_of(other, done["identity"])
        far = (
            known.tasks.get(other, task) != task,
            bool(own and others and own != others),
            *_distance(differences),
            other in planned,  # prefer a node outside the plan: it may be this node before the change
        )
        if best is None or far < least:
            best, least = {"key": other, "differences": differences}, far
    if best is not None:
        label = f"{identity['node']} {made(best['key'])}" if identity["node"] == "tokenize" else None
        best["label"] = known.labels.get(best["key"], label)
        best["differences"] = [_with_file(difference, known.files, made) for difference in best["differences"]]
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
        elif _is_key(value) and (need := look_up(value)) is not None and need.get("node") == "tokenize":
            yield value


def made_for(data: TokenizeSpec) -> str:
    """Return task, split, language and perturbation of a set; others that read the same bytes may share it."""
    changed = "" if data.perturbed is None else f" {data.perturbed.perturbation.label}"
    return f"{data.task.name} {data.location.split} {data.location.language}{changed}"


def _with_file(
    difference: dict[str, Any], files: Mapping[str, Mapping[str, Path]], made: Callable[[str], str]
) -> dict[str, Any]:
    shown = {name: value for name, value in difference.items() if name != NODES}
    there, here = difference[NODES]
    path = files.get(here, {}).get(difference["path"].rpartition(" > ")[2])
    if path is None:
        return shown
    before, now = made(there), made(here)
    return {**shown, "file": str(path), "changed": before == now if before and now else None}


def _distance(differences: list[dict[str, Any]]) -> tuple[int, int]:
    """Return the number of values that differ, and how many of these only one node has.

    A section that only one node has counts by its values. Else a node without the section would be nearer than a node
    in which two values of the section differ.
    """
    pairs = [(difference["there"], difference["here"]) for difference in differences]
    sections = [value for pair in pairs if None in pair for value in pair if isinstance(value, Mapping)]
    return len(pairs) + sum(len(section) - 1 for section in sections), sum(None in pair for pair in pairs)


NODES = "nodes"
"""Field of a difference: the keys of the two nodes whose identities contain the two values."""


def _differences(there: Any, here: Any, path: str, look_up: LookUp, nodes: tuple[str, str]) -> list[dict[str, Any]]:
    if there == here:
        return []
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        differences = []
        for name in sorted({*there, *here}):
            inner = f"{path}.{name}" if path else str(name)
            differences += _differences(there.get(name), here.get(name), inner, look_up, nodes)
        return differences
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
