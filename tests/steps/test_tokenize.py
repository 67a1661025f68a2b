"""tokenize: what is stored under a key is what the key says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from layover.data.augment import Augment, Substitution
from layover.data.subset import Subset, limit
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError
from layover.execution import Execution
from layover.identity import file_sha256
from layover.plan.nodes import Node
from layover.specs import EncoderSpec, TokenizerSpec
from layover.specs.tokenize import DataSpec, TokenizeSpec
from layover.steps import Context
from layover.steps.artifacts import ROWS, load_examples, load_features, load_meta
from layover.steps.tokenize import run
from layover.store import Store
from layover.tasks import OwnTask, declare


def write(path: Path, count: int) -> None:
    rows = [{"text": f"word {number}", "label": "yes" if number % 2 else "no"} for number in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def make_node(root: Path, tokenizer: Tokenizer, subset: Subset) -> Node[TokenizeSpec]:
    (root / "encoder").mkdir()
    tokenizer.save(root / "encoder" / "tokenizer.json")
    own = OwnTask(kind="classification", labels=("no", "yes"), text=("text",), train_language="en")
    task = declare("mine", own)
    location = task.locate("train", "en", root=root, files={"train": "train.jsonl"})
    assert location is not None
    form = TokenizerSpec(serialised=tokenizer.sha256)
    spec = TokenizeSpec(
        data=DataSpec(location.identity(file_sha256), location),
        subset=subset,
        kind=task.kind,
        labels=task.labels,
        tokenizer=form,
        max_length=32,
        declared=task,
        encoder=EncoderSpec(label="tiny", source=str(root / "encoder"), tokenizer=form),
    )
    return Node(spec, (), "tokenize", "job")


def context_of(store: Store) -> Context:
    return Context(store, Execution(), lambda _: None, lambda: False)


@pytest.mark.parametrize(
    ("subset", "count"),
    [
        (Subset(), 10),
        (Subset(limit=4), 4),
        (Subset(holdout=3, part="rest"), 7),
        (Subset(holdout=3, part="held"), 3),
        (Subset(limit=2, holdout=3, part="held"), 2),
    ],
)
def test_a_subset_is_cut_and_encoded(tmp_path: Path, tokenizer: Tokenizer, subset: Subset, count: int) -> None:
    write(tmp_path / "train.jsonl", 10)
    node, store = make_node(tmp_path, tokenizer, subset), Store(tmp_path / "store")
    with store.writing("tokenize", node.spec.canonical(), ()) as folder:
        run(node, folder, context_of(store))
    (key,) = store.finished()
    assert load_meta(store, key)["examples"] == count
    assert load_features(store, key).rows == count
    assert len(load_examples(store, key, "classification")) == count


def test_data_that_changed_since_the_plan_are_refused(tmp_path: Path, tokenizer: Tokenizer) -> None:
    write(tmp_path / "train.jsonl", 10)
    node, store = make_node(tmp_path, tokenizer, Subset()), Store(tmp_path / "store")
    write(tmp_path / "train.jsonl", 9)
    with pytest.raises(DataError, match="the data have changed since the plan was made"):
        run(node, tmp_path, context_of(store))


def meta_of(root: Path, tokenizer: Tokenizer, subset: Subset) -> dict[str, Any]:
    node, store = make_node(root, tokenizer, subset), Store(root / "store")
    with store.writing("tokenize", node.spec.canonical(), ()) as folder:
        run(node, folder, context_of(store))
    (key,) = store.finished()
    return load_meta(store, key)


def with_gaps(path: Path, gaps: set[int]) -> None:
    rows = [{"text": f"word {number}", "label": "" if number in gaps else "yes"} for number in range(10)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def left(meta: dict[str, Any]) -> dict[str, tuple[str, int, str]]:
    return {one["reason"]: (one["sort"], one["count"], one["first"]) for one in meta["left_out"]}


def test_every_row_is_accounted_for(tmp_path: Path, tokenizer: Tokenizer) -> None:
    with_gaps(tmp_path / "train.jsonl", {3, 7})
    meta = meta_of(tmp_path, tokenizer, Subset())
    assert (meta["source_rows"], meta["examples"], meta["gold"], meta["used"]) == (10, 10, 8, 8)
    assert left(meta) == {"no gold": ("lost", 2, "train.jsonl:4")}


def test_what_a_subset_leaves_out_is_counted_apart(tmp_path: Path, tokenizer: Tokenizer) -> None:
    with_gaps(tmp_path / "train.jsonl", {3, 7})
    meta = meta_of(tmp_path, tokenizer, Subset(limit=5, holdout=3, part="rest"))
    found = left(meta)
    assert found["hold-out"] == ("asked", 3, "")
    assert found["over the limit"] == ("asked", 2, "")
    lacking = found.get("no gold", ("lost", 0, ""))[1]
    assert meta["used"] == 5 - lacking == meta["gold"]
    assert meta["source_rows"] == 10


def test_training_data_without_any_gold_are_refused(tmp_path: Path, tokenizer: Tokenizer) -> None:
    with_gaps(tmp_path / "train.jsonl", set(range(10)))
    with pytest.raises(DataError, match=r"train\.jsonl: none of 10 examples has gold"):
        meta_of(tmp_path, tokenizer, Subset())


def test_the_first_row_without_gold_is_found_among_those_that_are_kept(tmp_path: Path, tokenizer: Tokenizer) -> None:
    kept = limit(range(10), 5)
    gaps = {*range(10)} - {*kept[:2]}
    assert kept[2] != 2, "its number in the file is not the one among the kept"
    with_gaps(tmp_path / "train.jsonl", gaps)
    meta = meta_of(tmp_path, tokenizer, Subset(limit=5))
    assert left(meta)["no gold"] == ("lost", 3, f"train.jsonl:{kept[2] + 1}")
    assert (meta["used"], meta["gold"]) == (2, 2)


WORDS = {"word": ("term", "name")}


def augmented(root: Path, node: Node[TokenizeSpec], copies: int) -> Node[TokenizeSpec]:
    path = root / "words.json"
    path.write_text(json.dumps(WORDS), encoding="utf-8")
    augment = Augment(file_sha256(path), copies, seed=5, path=path)
    return Node(replace(node.spec, augment=augment), (), "tokenize", "job")


@pytest.mark.parametrize(
    ("subset", "numbers"),
    [
        (Subset(), list(range(10))),
        (Subset(limit=4), limit(list(range(10)), 4)),
        (Subset(holdout=3, part="rest"), None),
    ],
)
def test_each_example_becomes_its_copies(
    tmp_path: Path, tokenizer: Tokenizer, subset: Subset, numbers: list[int] | None
) -> None:
    write(tmp_path / "train.jsonl", 10)
    node, store = make_node(tmp_path, tokenizer, subset), Store(tmp_path / "store")
    node = augmented(tmp_path, node, 3)
    with store.writing("tokenize", node.spec.canonical(), ()) as folder:
        run(node, folder, context_of(store))
    (key,) = store.finished()
    examples, meta = load_examples(store, key, "classification"), load_meta(store, key)
    kept = numbers if numbers is not None else [int(example.first.split()[1]) for example in examples[::3]]
    assert len(examples) == 3 * len(kept) == meta["examples"] == meta["used"] == meta["learned"]
    assert meta["source_rows"] == 10
    assert load_features(store, key).rows == len(examples)
    expected = [
        (Substitution(WORDS, 5, copy, row).text("first", f"word {row}"), "yes" if row % 2 else "no")
        for row in kept
        for copy in range(3)
    ]
    assert [(example.first, example.label) for example in examples] == expected
    assert len({text for text, _ in expected}) > len(kept)
    rows = [json.loads(line) for line in (store.path(key) / ROWS).read_text(encoding="utf-8").splitlines()]
    assert [row["where"] for row in rows] == [f"train.jsonl:{row + 1}" for row in kept for _ in range(3)]


def test_synonyms_that_changed_since_the_plan_are_refused(tmp_path: Path, tokenizer: Tokenizer) -> None:
    write(tmp_path / "train.jsonl", 10)
    node = augmented(tmp_path, make_node(tmp_path, tokenizer, Subset()), 2)
    (tmp_path / "words.json").write_text('{"word": ["term"]}', encoding="utf-8")
    with pytest.raises(DataError, match=r"words\.json: the synonyms have changed since the plan was made; run again"):
        run(node, tmp_path, context_of(Store(tmp_path / "store")))
