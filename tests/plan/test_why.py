"""why: the cause of a miss, followed through keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from layover.cli.commands.why import _lines
from layover.identity import file_sha256
from layover.plan import Plan
from layover.plan.why import MADE_FOR, META, NodeNames, explain, made_for
from layover.store import Store, write_json

if TYPE_CHECKING:
    from tests.plan.conftest import World


def finish(plan: Plan, store: Store) -> None:
    for node in plan.nodes.values():
        with store.writing(node.kind, node.spec.canonical(), node.needs) as folder:
            (folder / "file").write_text(node.label, encoding="utf-8")
            if node.kind == "tokenize":
                write_json(folder / META, {MADE_FOR: made_for(node.spec)})


def test_the_cause_is_named_and_not_its_echo(world: World, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    finish(world.plan(), store)
    plan = world.plan("methods.lora.rank=2")
    cell = next(cell for cell in plan.cells if cell.method == "lora" and cell.intermediate == "claims")
    identities = {key: node.spec.canonical() for key, node in plan.nodes.items()}
    found = explain(cell.score, identities[cell.score], store, identities)
    assert found is not None
    differences = {item["path"]: (item["there"], item["here"]) for item in found["differences"]}
    causes = {path.rpartition(" > ")[2]: values for path, values in differences.items()}
    assert causes == {"module.rank": (4, 2)}
    assert any("intermediate > module.rank" in path for path in differences)


def test_nothing_to_compare_with(world: World, tmp_path: Path) -> None:
    plan = world.plan()
    key, node = next(iter(plan.nodes.items()))
    assert explain(key, node.spec.canonical(), Store(tmp_path / "store"), {key: node.spec.canonical()}) is None


def test_the_file_that_changed_is_named_beside_the_task_it_belongs_to(world: World, tmp_path: Path) -> None:
    """Data of another task differ in one file, too."""
    store = Store(tmp_path / "store")
    before = world.plan()
    finish(before, store)
    for task in ("claims", "moods"):
        world.write(f"{task}/train.jsonl", f"other {task}")
        plan = world.plan()
        identities = {key: node.spec.canonical() for key, node in plan.nodes.items()}
        known = NodeNames.of(plan, file_sha256)
        (key,) = [key for key, node in plan.nodes.items() if node.label == f"tokenize {task} train en"]
        (old,) = [key for key, node in before.nodes.items() if node.label == f"tokenize {task} train en"]
        found = explain(key, identities[key], store, identities, known)
        assert found is not None
        assert found["key"] == old
        (difference,) = found["differences"]
        assert difference["file"] == str(world.root / "data" / task / "train.jsonl")
        assert difference["path"] == "data.files[0]"
        assert difference["changed"]
        trainings = [key for key, node in plan.nodes.items() if node.kind == "train" and node.spec.name == task]
        for training in trainings:
            nearest = explain(training, identities[training], store, identities, known)
            assert nearest is not None
            assert before.nodes[nearest["key"]].spec.name == task


@pytest.mark.parametrize("sets", [("moods train en", "claims train en"), ("claims train en", "moods train en")])
def test_of_equal_differences_the_same_task_is_nearer(tmp_path: Path, sets: tuple[str, str]) -> None:
    store = Store(tmp_path / "store")
    keys = {}
    for place, made in enumerate(sets):
        identity = {"node": "tokenize", "data": {"files": [f"{place}" * 64]}}
        with store.writing("tokenize", identity, ()) as folder:
            write_json(folder / META, {MADE_FOR: made})
        keys[made] = next(iter(set(store.finished()) - set(keys.values())))
    here = {"node": "tokenize", "data": {"files": ["2" * 64]}}
    for made, key in keys.items():
        found = explain("h" * 64, here, store, {}, NodeNames(sets={"h" * 64: made}))
        assert found is not None
        assert found["key"] == key


@pytest.mark.parametrize("other", [0, 1])
def test_a_node_of_another_task_of_the_plan_comes_last(tmp_path: Path, other: int) -> None:
    """Also where nothing is known of the data sets, as in a store of an older version."""
    store, keys = Store(tmp_path / "store"), list[str]()
    for place in range(2):
        with store.writing("tokenize", {"node": "tokenize", "data": {"files": [f"{place}" * 64]}}, ()) as folder:
            (folder / "file").write_text("", encoding="utf-8")
        keys += store.finished() - {*keys}
    known = NodeNames(tasks={"h" * 64: "moods", keys[other]: "claims"})
    found = explain("h" * 64, {"node": "tokenize", "data": {"files": ["2" * 64]}}, store, {}, known)
    assert found is not None
    assert found["key"] == keys[1 - other]


def test_a_file_is_told_once_however_often_it_is_read() -> None:
    one = {"path": "a > data.files[0]", "there": "0" * 64, "here": "1" * 64, "file": "data/train.csv", "changed": True}
    other = {"path": "lr", "there": 0.1, "here": 0.2}
    assert _lines([one, {**one, "path": "b"}, other]) == [
        f"data/train.csv has changed: sha256 {'0' * 12} there, {'1' * 12} here (a > data.files[0] and 1 more)",
        "lr: 0.1 there, 0.2 here",
    ]


@pytest.mark.parametrize(
    ("changed", "text"),
    [(True, "a.csv has changed: "), (False, "a.csv: another file is read there: "), (None, "a.csv: ")],
)
def test_a_file_has_changed_only_where_the_same_data_are_read(changed: bool | None, text: str) -> None:
    one = {"path": "data.files[0]", "there": "0" * 64, "here": "1" * 64, "file": "a.csv", "changed": changed}
    assert _lines([one]) == [f"{text}sha256 {'0' * 12} there, {'1' * 12} here (data.files[0])"]


def test_a_language_more_is_no_change_of_a_file(world: World, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    finish(world.plan(), store)
    plan = world.plan(
        change=lambda text: text.replace("{en: moods/en.jsonl}", "{en: moods/en.jsonl, sw: moods/sw.jsonl}")
    )
    identities = {key: node.spec.canonical() for key, node in plan.nodes.items()}
    known = NodeNames.of(plan, file_sha256)
    (key,) = [key for key, node in plan.nodes.items() if node.label == "tokenize moods test sw"]
    found = explain(key, identities[key], store, identities, known)
    assert found is not None
    assert found["label"] == "tokenize moods test en"
    (difference,) = found["differences"]
    assert difference["file"] == str(world.root / "data" / "moods" / "sw.jsonl")
    assert difference["changed"] is False
    (predict,) = [key for key, node in plan.nodes.items() if "sw" in node.label.split() and node.kind == "predict"][:1]
    found = explain(predict, identities[predict], store, identities, known)
    assert found is not None
    assert [one["changed"] for one in found["differences"] if "file" in one] == [False]


def test_of_two_equal_files_each_has_its_own_name(world: World, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    finish(world.plan(), store)
    for name in ("claims", "moods"):
        world.write(f"{name}/train.jsonl", "the same in both")
    plan = world.plan()
    identities = {key: node.spec.canonical() for key, node in plan.nodes.items()}
    known = NodeNames.of(plan, file_sha256)
    for name in ("claims", "moods"):
        for key in [key for key, node in plan.nodes.items() if node.label == f"tokenize {name} train en"]:
            found = explain(key, identities[key], store, identities, known)
            assert found is not None
            (difference,) = [one for one in found["differences"] if "file" in one]
            assert difference["file"].endswith(f"{name}/train.jsonl")


def test_equal_files_of_one_node_have_their_names_by_their_places() -> None:
    from layover.plan.why import _places

    identity = {"data": {"joined": [{"files": ["0" * 64]}, {"files": ["1" * 64, "0" * 64]}]}}
    files = [("0" * 64, Path("a")), ("1" * 64, Path("b")), ("0" * 64, Path("c"))]
    assert _places(identity, files) == {
        "data.joined[0].files[0]": Path("a"),
        "data.joined[1].files[0]": Path("b"),
        "data.joined[1].files[1]": Path("c"),
    }
