"""Tasks whose data are those of other tasks, one after another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from layover import tasks
from layover.data.task import HubSource, Joined
from layover.errors import DataError
from layover.identity import file_sha256, key_of
from layover.tasks import Task

JOINED = [name for name in tasks.names() if tasks.get(name).parts]
FIXTURES = Path(__file__).parent / "fixtures"


def write(root: Path, part: str) -> None:
    """Write the five rows of a part's fixture as its development data."""
    data = json.loads((FIXTURES / f"{part}.json").read_text(encoding="utf-8"))
    path = next(iter(data["files"]))
    for name, text in {path: data["files"][path], **data.get("beside", {})}.items():
        file = root / name.replace("train", "dev")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("name", JOINED)
def test_numbers_are_the_sums_of_the_parts(name: str) -> None:
    task = tasks.get(name)
    assert task.summary
    assert task.licence
    assert task.citation
    for split, count in task.counts.items():
        assert count == sum(part.count(split, "en") or 0 for part in task.parts)
        assert all(part.languages_of(split) == task.languages_of(split) for part in task.parts)


@pytest.mark.parametrize("name", JOINED)
def test_all_parts_are_read_in_order_or_none(name: str, tmp_path: Path) -> None:
    task = tasks.get(name)
    for part in task.parts:
        assert task.locate("validation", "en", root=tmp_path) is None, "fewer parts would be another task"
        write(tmp_path, part.name)
    place = task.locate("validation", "en", root=tmp_path)
    assert isinstance(place, Joined)
    alone = [part.locate("validation", "en", root=tmp_path) for part in task.parts]
    assert task.read(place) == [
        row for part, one in zip(task.parts, alone, strict=True) if one for row in part.read(one)
    ]
    assert len(task.read(place)) == 5 * len(task.parts)
    before = key_of(place.identity(file_sha256))
    changed = Path(place.parts[-1].paths[0])
    changed.write_bytes(changed.read_bytes() + b"\n")
    assert key_of(place.identity(file_sha256)) != before
    assert place.contents(file_sha256) >= place.parts[0].contents(file_sha256)


@pytest.mark.parametrize("name", JOINED)
def test_every_part_on_the_hub_gets_its_commit(name: str) -> None:
    task = tasks.get(name)
    place = task.locate("train", "en", root=None)
    assert place is not None

    def commit(source: HubSource) -> str:
        return f"commit of {source.path}"

    text = place.pinned(commit).describe()
    assert all(f"{part.hub['train'][0].path}" in text for part in task.parts)
    assert text.count("@ commit of") == len(task.parts)


def test_parts_have_one_kind_and_the_same_labels() -> None:
    joined = tasks.get("anli_plus")
    with pytest.raises(DataError, match="scitail has another kind, other labels"):
        Task(**{**dict(joined), "parts": (tasks.get("scitail"),)})
