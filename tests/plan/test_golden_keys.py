"""The keys of every recipe and of every variant of a node are those that were kept: old results are found again.

A change that is meant to give other keys raises the version of its step. Then the kept keys are written anew, with
`LAYOVER_GOLDEN=write`, and the difference is read before it is committed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.plan.golden import small_world

from layover.canonical import later
from layover.identity import key_of
from layover.plan import Node, Plan, stages
from layover.plan.nodes import of
from layover.specs import Hyperparameters
from layover.specs.train import TrainSpec

GOLDEN = Path(__file__).parent / "golden"
WRITES = os.environ.get("LAYOVER_GOLDEN") == "write"
RECIPES = sorted(path.relative_to(small_world.ROOT / "recipes") for path in small_world.ROOT.glob("recipes/**/*.yaml"))
OVERRIDES = {
    "own-data.yaml": (f"data_root={small_world.ROOT / 'recipes' / 'own-data'}",),
    "real-small.yaml": ("data_root=official",),
}
OFFICIAL = ("mnli", "squad", "xnli", "panx", "udpos", "xquad")
"""The tasks of real-small.yaml."""
SHOWN = 16
"""Characters of a key that are kept beside its name."""
SAMPLE = 5
"""Nodes of each kind that are kept by name, of a recipe with thousands."""


@pytest.fixture(autouse=True, scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder with the small world, in which everything is planned; no row is read there."""
    folder = tmp_path_factory.mktemp("golden")
    small_world.write_official(folder / "official", [(name, ("train", "validation", "test")) for name in OFFICIAL])
    with small_world.at(folder):
        yield folder
    _world.cache_clear()


@cache
def _world(name: str) -> Plan:
    return small_world.plan_of(Path(name))


def _names(nodes: Iterable[Node]) -> dict[str, str]:
    """Return a readable name of each key; nodes of one label are numbered in the order of their keys."""
    by_label: dict[str, list[str]] = {}
    for node in nodes:
        by_label.setdefault(node.label, []).append(node.key)
    names = {}
    for label, keys in by_label.items():
        for number, key in enumerate(sorted(keys), 1):
            names[key] = label if len(keys) == 1 else f"{label} #{number}"
    return names


def _by_kind(plan: Plan) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for key, node in plan.nodes.items():
        kinds.setdefault(node.kind, []).append(key)
    return {kind: sorted(keys) for kind, keys in sorted(kinds.items())}


def _summary(plan: Plan) -> dict[str, str]:
    """Return kind -> how many nodes there are, and the SHA-256 of all their keys."""
    return {
        kind: f"{len(keys)} {hashlib.sha256(' '.join(keys).encode()).hexdigest()}"
        for kind, keys in _by_kind(plan).items()
    }


def _sample(plan: Plan) -> dict[str, str]:
    """Return name -> key of some nodes of every kind."""
    names = _names(plan.nodes.values())
    kept = [key for keys in _by_kind(plan).values() for key in keys[:: max(1, len(keys) // SAMPLE)][:SAMPLE]]
    return dict(sorted((names[key], key[:SHOWN]) for key in kept))


def _all(plan: Plan) -> dict[str, str]:
    return dict(sorted((name, key[:SHOWN]) for key, name in _names(plan.nodes.values()).items()))


def _read(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def _write(name: str, values: Any) -> None:
    (GOLDEN / f"{name}.json").write_text(f"{_text(values, LINES[name.partition('-')[0]])}\n", encoding="utf-8")


LINES = {"recipes": 3, "keys": 2, "identities": 1}
"""Levels of each kind of file that are written a line for every entry."""


def _text(values: Any, levels: int, indent: str = "") -> str:
    if not levels or not isinstance(values, dict):
        return json.dumps(values, ensure_ascii=False, sort_keys=True)
    inner = indent + " "
    lines = [f"{inner}{json.dumps(name)}: {_text(values[name], levels - 1, inner)}" for name in sorted(values)]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def _changed(kept: Mapping[str, str], plan: Plan) -> list[str]:
    """Return which kept nodes are gone: first those that rest on no other one that is gone."""
    there = {key[:SHOWN] for key in plan.nodes}
    gone = {name for name, key in kept.items() if key not in there}
    now = {name: plan.nodes[key] for key, name in _names(plan.nodes.values()).items()}
    new = {node.key for name, node in now.items() if name in gone}

    def depth(name: str) -> tuple[int, str]:
        node = now.get(name)
        return (sum(need in new for need in node.needs) if node is not None else 0, name)

    return [f"{name}: {kept[name]} -> {_key(now.get(name))}" for name in sorted(gone, key=depth)]


def _key(node: Node | None) -> str:
    return "no such node" if node is None else node.key[:SHOWN]


HINT = "\nAre other keys meant? Then raise the step's version, and write them with LAYOVER_GOLDEN=write."


@pytest.mark.parametrize("path", RECIPES, ids=str)
def test_a_recipe_has_the_kept_keys(path: Path) -> None:
    plan = small_world.plan_of(small_world.ROOT / "recipes" / path, *OVERRIDES.get(path.name, ()))
    if WRITES:
        kept = _read("recipes") if (GOLDEN / "recipes.json").exists() else {}
        kept = {name: value for name, value in kept.items() if Path(name) in RECIPES}
        _write("recipes", {**kept, str(path): {"all": _summary(plan), "some": _sample(plan)}})
        return
    kept = _read("recipes")[str(path)]
    changed = _changed(kept["some"], plan)
    differing = [kind for kind, value in _summary(plan).items() if kept["all"].get(kind) != value]
    assert not changed, "\n".join(["other keys:", *changed[:20]]) + HINT
    assert (differing, sorted(kept["all"])) == ([], sorted(_summary(plan))), f"other {differing}{HINT}"


@pytest.mark.parametrize("path", small_world.WORLDS, ids=lambda path: path.stem)
def test_every_variant_has_the_kept_key(path: Path) -> None:
    plan = _world(path.name)
    if WRITES:
        _write(f"keys-{path.stem}", {"all": _summary(plan), "each": _all(plan)})
        return
    kept = _read(f"keys-{path.stem}")
    changed = _changed(kept["each"], plan)
    assert not changed, "\n".join([f"{len(changed)} other keys:", *changed[:20]]) + HINT
    known = set(kept["each"].values())
    new = sorted(node.label for key, node in plan.nodes.items() if key[:SHOWN] not in known)
    assert not new, f"nodes that were not there: {new[:20]}{HINT}"
    assert _summary(plan) == kept["all"]


def _variants() -> dict[str, dict[str, Any]]:
    """Return the identities of some nodes: one of each form, the commonest forms of every kind first."""
    nodes = {key: (path.stem, node) for path in small_world.WORLDS for key, node in _world(path.name).nodes.items()}
    forms: dict[str, list[str]] = {}
    for key in sorted(nodes):
        forms.setdefault(small_world.form_of_spec(nodes[key][1].spec), []).append(key)
    chosen: dict[str, dict[str, Any]] = {}
    kinds: Counter[str] = Counter()
    for form in sorted(forms, key=lambda form: (-len(forms[form]), form)):
        key = forms[form][0]
        world, node = nodes[key]
        if kinds[node.kind] < MOST_OF_A_KIND:
            kinds[node.kind] += 1
            chosen[key] = {"world": world, "label": node.label, "identity": node.spec.canonical()}
    return chosen


MOST_OF_A_KIND = 14


def test_identities_are_the_kept_ones() -> None:
    """Field by field, so that a key that changes says what of it does."""
    if WRITES:
        _write("identities", _variants())
        return
    kept = _read("identities")
    assert {one["identity"]["node"] for one in kept.values()} == {
        "tokenize",
        "train",
        "gate",
        "compose",
        "import",
        "predict",
        "score",
    }
    for key, one in kept.items():
        nodes = _world(f"{one['world']}.yaml").nodes
        assert key_of(one["identity"]) == key
        if key not in nodes:
            now = [_flat(node.spec.canonical()) for node in nodes.values() if node.label == one["label"]]
            differences = [sorted(set(_flat(one["identity"])) ^ set(other)) for other in now]
            pytest.fail(f"{one['label']} has another key; what differs: {min(differences, key=len, default=[])}{HINT}")
        assert json.loads(json.dumps(nodes[key].spec.canonical())) == one["identity"]


@dataclass(frozen=True)
class Smoothed(Hyperparameters):
    """Hyperparameters that got a number later; old results were computed without it."""

    smoothing: float = later(0.0)


@dataclass(frozen=True)
class SmoothedByDefault(Hyperparameters):
    """The same after its default was changed."""

    smoothing: float = later(0.0, default=0.1)


def test_an_optional_hyperparameter_changes_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    quickstart = small_world.ROOT / "recipes" / "quickstart.yaml"
    before = small_world.plan_of(quickstart).nodes
    monkeypatch.setattr(stages, "Hyperparameters", Smoothed)
    assert small_world.plan_of(quickstart).nodes.keys() == before.keys()
    # a new default gives new keys to all trainings; an old key is read as it was meant
    monkeypatch.setattr(stages, "Hyperparameters", SmoothedByDefault)
    after = small_world.plan_of(quickstart).nodes
    kept = {node.kind for key, node in after.items() if key in before}
    assert kept == {"tokenize", "predict", "score"}  # sentences are matched without a training, too
    assert not {node.key for node in of(after, TrainSpec)} & before.keys()
    old = next(of(before, TrainSpec)).spec.hyperparameters.canonical()
    assert SmoothedByDefault.parse(old).smoothing == 0.0


def _flat(value: Any, where: str = "") -> list[str]:
    """Return a line for each value of an identity that is neither a list nor a mapping."""
    if isinstance(value, Mapping):
        return [line for name, one in value.items() for line in _flat(one, f"{where}.{name}")]
    if isinstance(value, (list, tuple)):
        return [line for place, one in enumerate(value) for line in _flat(one, f"{where}[{place}]")]
    return [f"{where.removeprefix('.')}={json.dumps(value)}"]


def test_keys_do_not_depend_on_where_files_lie(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_world.write_world(tmp_path)
    monkeypatch.chdir(tmp_path)
    for path in small_world.WORLDS:
        assert small_world.plan_of(Path(path.name)).nodes.keys() == _world(path.name).nodes.keys()
