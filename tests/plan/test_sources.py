"""What the scores of a plan rest on, by content alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layover.identity import file_sha256
from layover.records import DataSource, Sources

if TYPE_CHECKING:
    from tests.plan.conftest import World


def sources_of(world: World, label: str, *overrides: str) -> Sources:
    plan = world.plan(*overrides)
    (cell,) = (cell for cell in plan.cells if cell.label == label)
    found: Sources = plan.nodes[cell.score].spec.sources
    return found


def files(world: World, *names: str) -> tuple[DataSource, ...]:
    return tuple(DataSource(files_sha256=(file_sha256(world.root / "data" / f"{name}.jsonl"),)) for name in names)


def test_a_cell_names_its_model_and_all_data_below_it(world: World) -> None:
    found = sources_of(world, "tiny/lora/claims/moods/1")
    assert found.scored == {"en": files(world, "moods/en")}
    assert found.trained_on == files(world, "moods/train")
    assert found.selected_on == files(world, "moods/dev")
    assert found.learned_before == files(world, "claims/train")
    encoder = world.root / "encoder"
    assert found.model.config_sha256 == file_sha256(encoder / "config.json")
    assert found.model.weights_sha256 == (file_sha256(encoder / "model.safetensors"),)
    assert found.model.tokenizer_sha256 is not None
    alone = sources_of(world, "tiny/lora/none/moods/1")
    assert (alone.trained_on, alone.learned_before) == (found.trained_on, ())


def test_names_and_places_are_no_part_of_it(world: World, other_world: World) -> None:
    label = "tiny/lora/claims/moods/1"
    assert sources_of(world, label) == sources_of(other_world, label)
    assert str(world.root) not in sources_of(world, label).model_dump_json()


def test_what_they_rest_on_changes_no_key(world: World) -> None:
    plan = world.plan()
    assert all("sources" not in node.spec.canonical() for node in plan.nodes.values())
