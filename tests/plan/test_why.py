"""why: the cause of a miss, followed through keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from layover.plan import Plan
from layover.plan.why import explain
from layover.store import Store

if TYPE_CHECKING:
    from tests.plan.conftest import World


def finish(plan: Plan, store: Store) -> None:
    for node in plan.nodes.values():
        with store.writing(node.kind, node.identity, node.needs) as folder:
            (folder / "file").write_text(node.label, encoding="utf-8")


def test_the_cause_is_named_and_not_its_echo(world: World, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    finish(world.plan(), store)
    plan = world.plan("methods.lora.rank=2")
    cell = next(cell for cell in plan.cells if cell.method == "lora" and cell.intermediate == "claims")
    identities = {key: node.identity for key, node in plan.nodes.items()}
    found = explain(identities[cell.score], store, identities)
    assert found is not None
    differences = {item["path"]: (item["there"], item["here"]) for item in found["differences"]}
    causes = {path.rpartition(" > ")[2]: values for path, values in differences.items()}
    assert causes == {"module.rank": (4, 2)}
    assert any("intermediate > module.rank" in path for path in differences)


def test_nothing_to_compare_with(world: World, tmp_path: Path) -> None:
    plan = world.plan()
    key, node = next(iter(plan.nodes.items()))
    assert explain(node.identity, Store(tmp_path / "store"), {key: node.identity}) is None
