"""Copies with synonyms in a plan: in the keys by content, in training data alone, and counted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from layover.estimates.cost import data_cost
from layover.plan import Plan
from layover.plan.nodes import of
from layover.specs import parse
from layover.specs.tokenize import TokenizeSpec

if TYPE_CHECKING:
    from tests.plan.conftest import World

SYNONYMS = '{"claims": ["words"], "moods": ["words", "verbs"]}'
AUGMENT = "tasks.moods.augment={synonyms: words.json, copies: 3}"


@pytest.fixture(autouse=True)
def table(world: World) -> Path:
    path = world.root / "data" / "words.json"
    path.write_text(SYNONYMS, encoding="utf-8")
    return path


def data(plan: Plan) -> dict[str, TokenizeSpec]:
    """Return the tokenized sets by task and split."""
    return {
        f"{node.spec.of_task} {node.spec.location.split} {node.spec.location.language}": node.spec
        for node in of(plan.nodes, TokenizeSpec)
    }


def keys(plan: Plan, kind: str) -> set[str]:
    return {key for key, node in plan.nodes.items() if node.kind == kind}


def test_only_training_data_and_what_rests_on_them_have_other_keys(world: World) -> None:
    plain, copied = world.plan(), world.plan(AUGMENT)
    before, after = data(plain), data(copied)
    assert before.keys() == after.keys()
    changed = {name for name in before if before[name].key != after[name].key}
    assert changed == {"moods train en"}
    augment = after["moods train en"].augment
    assert augment is not None
    assert (augment.copies, augment.seed, augment.kept) == (3, 0, ())
    assert all(spec.augment is None for name, spec in after.items() if name not in changed)
    assert keys(plain, "train") & keys(copied, "train"), "the intermediate is trained as before"
    assert not keys(plain, "score") & keys(copied, "score")


def test_the_content_of_the_file_counts_and_its_name_does_not(world: World, table: Path) -> None:
    key = data(world.plan(AUGMENT))["moods train en"].key
    table.rename(table.with_name("other.json"))
    other = AUGMENT.replace("words.json", "other.json")
    assert data(world.plan(other))["moods train en"].key == key
    assert data(world.plan(other.replace("copies: 3", "copies: 3, seed: 0")))["moods train en"].key == key
    keys_of_others = {
        data(world.plan(other.replace("copies: 3", changed)))["moods train en"].key
        for changed in ("copies: 1", "copies: 4", "copies: 3, seed: 1")
    }
    assert len(keys_of_others | {key}) == 4
    table.with_name("other.json").write_text(SYNONYMS.replace("verbs", "nouns"), encoding="utf-8")
    assert data(world.plan(other))["moods train en"].key != key


def test_the_specification_is_read_back(world: World) -> None:
    spec = data(world.plan(AUGMENT))["moods train en"]
    read = parse(spec.canonical())
    assert isinstance(read, TokenizeSpec)
    assert read.key == spec.key
    assert read.augment is not None
    assert (read.augment, read.augment.path) == (spec.augment, None)


def test_examples_are_counted_as_often_as_they_are_copied(world: World) -> None:
    plain, copied = world.plan(), world.plan(AUGMENT)
    once, thrice = (data_cost(data(plan)["moods train en"], None) for plan in (plain, copied))
    assert once.examples == 2
    assert thrice.examples == 6
    assert thrice.tokens == pytest.approx(3 * once.tokens)
    limited = world.plan(AUGMENT, "tasks.moods.limit={train: 1}")
    assert data_cost(data(limited)["moods train en"], None).examples == 3
    assert any(node.label == "tokenize moods train en x3" for node in copied.nodes.values())


def test_held_out_examples_are_not_copied(world: World, table: Path) -> None:
    def held(text: str) -> str:
        before, after = text.split("  moods: {")
        return f"{before}  moods: {{holdout: 1, {after.replace('validation: moods/dev.jsonl,', '')}"

    specs = [node.spec for node in of(world.plan(AUGMENT, change=held).nodes, TokenizeSpec)]
    parts = {spec.subset.part: spec.augment for spec in specs if spec.of_task == "moods"}
    assert parts["rest"] is not None
    assert parts["held"] is None


OWN = """\
  other: {{kind: classification, labels: [no, yes], text: [text], label: label, train_task: moods,
           files: {{test: {{en: claims/en.jsonl}}}}}}
sweep:
"""


def test_a_target_has_the_copies_of_the_task_it_trains_on(world: World) -> None:
    def targets(text: str) -> str:
        own = OWN.format()
        return text.replace("sweep:\n", own).replace("target: [moods]", "target: [moods, other]")

    def copies(*overrides: str) -> dict[str, set[int | None]]:
        plan = world.plan(*overrides, change=targets)
        found: dict[str, set[int | None]] = {}
        for cell in plan.cells:
            (key, *_) = plan.nodes[cell.score].spec.training  # type: ignore[attr-defined]
            augment = plan.nodes[key].spec.augment  # type: ignore[attr-defined]
            found.setdefault(cell.target, set()).add(None if augment is None else augment.copies)
        return found

    assert copies(AUGMENT) == {"moods": {3}, "other": {3}}
    assert copies(AUGMENT, "tasks.other.augment=null") == {"moods": {3}, "other": {None}}
    own = "tasks.other.augment={synonyms: words.json, copies: 2}"
    assert copies(own) == {"moods": {None}, "other": {2}}
    assert copies() == {"moods": {None}, "other": {None}}


def test_the_tags_of_names_are_in_the_key(world: World) -> None:
    for part in ("train", "dev", "en"):
        path = world.root / "data" / "names" / f"{part}.conll"
        path.parent.mkdir(exist_ok=True)
        path.write_text("moods\tO\nUlm\tB-LOC\n\n", encoding="utf-8")
    names = (
        "  names: {{kind: tagging, labels: [O, B-LOC, I-LOC], augment: {{synonyms: words.json, copies: 2}}, "
        "files: {{train: names/train.conll, validation: names/dev.conll, test: {{en: names/en.conll}}}}, "
        "train_language: en}}\nsweep:\n"
    ).format()
    plan = world.plan(change=lambda text: text.replace("sweep:\n", names).replace("target: [moods]", "target: [names]"))
    augment = data(plan)["names train en"].augment
    assert augment is not None
    assert augment.kept == ("B-LOC", "I-LOC")
    assert augment.canonical()["kept"] == ["B-LOC", "I-LOC"]
