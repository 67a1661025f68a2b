"""What a card tells of the data behind a training."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from layover import tasks
from layover.sharing.facts import data_of


def test_joined_data_are_told_part_by_part() -> None:
    """Each with its own source and licence, and none with the number of all examples."""
    joined = tasks.get("anli_plus")
    place = joined.locate("train", "en", root=None)
    nodes = {
        "training": SimpleNamespace(inputs=SimpleNamespace(data_keys=lambda: ("0" * 64,))),
        "0" * 64: SimpleNamespace(inputs=SimpleNamespace(task=joined, location=place)),
    }
    known = {part.name: part for part in joined.parts}
    plan: Any = SimpleNamespace(nodes=nodes, recipe=SimpleNamespace(tasks=known))
    found = data_of(plan, cast("Any", None), ["training"])
    assert [one.task for one in found] == [part.name for part in joined.parts]
    assert {one.joined for one in found} == {"anli_plus"}
    assert {one.examples for one in found} == {None}
    assert {one.task: one.licence for one in found} == {name: task.licence for name, task in known.items()}
    assert len({one.hub for one in found}) == len(found)
