"""What a card tells of the data behind a training."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from layover import tasks
from layover.errors import LayoverError
from layover.sharing import facts
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


def test_a_column_that_cannot_stand_on_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """One error that says whose it is, for what a recipe may name and a card may not."""
    own = tasks.declare("moods", tasks.OwnTask(kind="classification", labels=("bad", "good"), text=("te\txt",)))
    inputs = SimpleNamespace(task=own, data_keys=lambda: ("0" * 64,))
    source = SimpleNamespace(location=SimpleNamespace(language="en"), max_length=8, stride=0)
    plan: Any = SimpleNamespace(nodes={"0" * 64: SimpleNamespace(inputs=source)})
    monkeypatch.setattr(facts, "counts_of", lambda *_: {"rows": 1, "examples": 1})
    with pytest.raises(LayoverError, match=r"^moods cannot stand on a card: a name that cannot be printed;"):
        facts.task_of(plan, cast("Any", None), cast("Any", inputs))
