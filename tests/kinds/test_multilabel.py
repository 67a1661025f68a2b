"""Sets of labels as gold: how files write them, what is refused, and the threshold above which a label is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from layover.data.features import Features
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError
from layover.kinds.multilabel import KIND, Example, MultilabelKeys
from layover.kinds.multilabel import _columns as mistakes_of_columns
from layover.metrics._metric import Rules
from layover.tasks import OwnTask, Task, declare, mistakes

LABELS = ("food", "keys", "rain")
GOLD = [("food",), ("food", "rain"), (), ("keys", "rain")]


def own(**keys: Any) -> Task:
    return declare("t", OwnTask(**{"kind": "multilabel", "text": ("text",), "train_language": "en", **keys}))


def read(folder: Path, rows: list[dict[str, Any]] | str, split: str = "train", **keys: Any) -> list[Any]:
    """Return the gold of a file with these rows."""
    name = "a.csv" if isinstance(rows, str) else "a.jsonl"
    text = rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
    (folder / name).write_text(text, encoding="utf-8")
    task = own(**keys)
    place = task.locate(split, "en", root=folder, files={split: name})
    assert place is not None
    return [example.label for example in task.read(place)]


def test_lists_texts_and_columns_are_alike(tmp_path: Path) -> None:
    lists = [["food"], ["rain", "food", "food"], [], ["keys", "rain"]]
    rows = [{"text": "a", "label": labels} for labels in lists]
    assert read(tmp_path, rows, labels=LABELS) == GOLD
    coded = [{"text": "a", "label": [LABELS.index(label) for label in labels]} for labels in lists]
    assert read(tmp_path, coded, labels=LABELS, codes="labels") == GOLD
    table = "text,label\n" + "".join(f"a,{'; '.join(labels)}\n" for labels in lists)
    assert read(tmp_path, table, labels=LABELS, label_separator=";") == GOLD
    hot = [("1", "0", "0"), ("1", "0", "1"), ("0", "0", "0"), ("0", "1", "1")]
    table = "text,food,keys,rain\n" + "".join(f"a,{','.join(row)}\n" for row in hot)
    assert read(tmp_path, table, label_columns=LABELS) == GOLD
    assert (
        read(tmp_path, table.replace("food,keys,rain", "x,y,z"), labels=LABELS, label_columns=("x", "y", "z")) == GOLD
    )
    typed = [dict(zip(("text", *LABELS), ("a", *(value == "1" for value in row)), strict=True)) for row in hot]
    assert read(tmp_path, typed, label_columns=LABELS) == GOLD
    assert own(label_columns=LABELS).labels == LABELS


def test_no_gold_is_not_no_label(tmp_path: Path) -> None:
    assert read(tmp_path, [{"text": "a", "label": None}, {"text": "b", "label": []}], labels=LABELS) == [None, ()]
    table = "text,food,keys\na,,\nb,0,0\n"
    assert read(tmp_path, table, label_columns=("food", "keys")) == [None, ()]
    assert read(tmp_path, [{"text": "a"}], "test", labels=LABELS) == [None]
    assert read(tmp_path, "text\na\n", "test", label_columns=LABELS) == [None]
    assert [KIND.has_gold(Example("a", None, gold)) for gold in (None, ())] == [False, True]


@pytest.mark.parametrize(
    ("rows", "keys", "message"),
    [
        ([{"text": "a", "label": ["food", "rian"]}], {}, r"a\.jsonl:1: 'rian' is not a label; did you mean 'rain'"),
        ([{"text": "a", "label": ["food", ""]}], {}, r"a\.jsonl:1: '' in the list of labels is not a label"),
        ([{"text": "a", "label": "food"}], {}, r"a\.jsonl:1: 'label' is 'food', but a list .*`label_separator`"),
        ([{"text": "a", "label": 3}], {}, r"a\.jsonl:1: 'label' is 3, but a list of labels is needed"),
        ("text,label\na,food;;rain\n", {"label_separator": ";"}, r"a\.csv:2: '' in the list of labels is not a label"),
        ("text,food,keys,rain\na,1,2,0\n", {"label_columns": LABELS}, r"a\.csv:2: .*'keys' is '2'; write 0 or 1"),
        ("text,food,keys,rain\na,1,,0\n", {"label_columns": LABELS}, r"a\.csv:2: .*'keys' is empty, but others"),
        ("text,food,kyes,rain\na,1,1,0\n", {"label_columns": LABELS}, r"a\.csv:2: .*'keys'"),
    ],
)
def test_wrong_labels_are_told_with_their_line(tmp_path: Path, rows: Any, keys: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, rows, labels=LABELS, **keys)


def test_mistakes_of_a_declaration() -> None:
    def told(**keys: Any) -> dict[str, str]:
        found = mistakes(OwnTask(**{"kind": "multilabel", "text": ("text",), **keys}))
        return {".".join(map(str, path)): said for path, said in found}

    assert told(labels=LABELS) == told(label_columns=LABELS) == told(labels=("x",)) == {}
    assert "needs `labels`, or `label_columns`" in told()["labels"]
    assert "2 labels for 3 columns" in told(labels=("a", "b"), label_columns=LABELS)["labels"]
    assert "'food' appears twice" in told(label_columns=("food", "food"))["label_columns.1"]
    assert "remove one of the two" in told(label="x", label_columns=LABELS)["label"]
    assert "remove one of the two" in told(label_separator=";", label_columns=LABELS)["label_separator"]
    assert "is empty" in told(labels=LABELS, label_separator="")["label_separator"]
    assert "is gold, but the encoder" in told(label_columns=LABELS, text=("{text} {keys}",))["text.0"]
    assert "twice" in told(labels=("a", "a"))["labels"]
    only = "labels from the training data are possible only for classification, tagging"
    assert only in told(labels="from training")["labels"]


def test_gold_is_a_row_of_ones_and_zeros(tokenizer: Tokenizer, tmp_path: Path) -> None:
    examples = [Example("tree", None, gold) for gold in [*GOLD, None]]
    features = KIND.encode(examples, tokenizer, labels=LABELS, max_length=20, stride=0)
    features.save(tmp_path / "f")
    stored = Features.load(tmp_path / "f", KIND.columns).arrays["present"]
    assert stored.dtype == np.float32
    assert stored.tolist() == [[1, 0, 0], [1, 0, 1], [0, 0, 0], [0, 1, 1], [-1, -1, -1]]
    assert [KIND.from_json(json.loads(json.dumps(KIND.to_json(item)))) for item in examples] == examples


def test_a_label_is_there_above_one_half(tokenizer: Tokenizer) -> None:
    examples = [Example("tree", None, ("food",)), Example("house", None, ())]
    features = KIND.encode(examples, tokenizer, labels=LABELS, max_length=20, stride=0)
    outputs = {"logits": np.array([[2.0, 0.0, -800.0], [-0.1, 0.1, 800.0]], np.float32)}
    found: list[Any] = KIND.decode(outputs, features, examples, labels=LABELS)
    assert [one["labels"] for one in found] == [["food"], ["keys", "rain"]]
    assert found[0]["scores"] == {"food": pytest.approx(1 / (1 + np.exp(-2))), "keys": 0.5, "rain": 0.0}
    results = KIND.results(outputs, features, examples, labels=LABELS)
    assert [one.labels for one in results] == [("food",), ("keys", "rain")]
    assert results[1].scores == found[1]["scores"]
    scores = KIND.score(found, examples, metrics=("micro_f1", "subset_accuracy"), language="en")
    assert scores == {"micro_f1": 50.0, "subset_accuracy": 50.0}


def test_every_label_of_the_task_counts() -> None:
    rules = KIND.rules(LABELS, None, {})
    assert rules == Rules(labels=LABELS)
    said = [{"labels": ["food"], "scores": {}}]
    scores = KIND.score(
        said, [Example("a", None, ("food",))], metrics=("multilabel_macro_f1",), language="en", rules=rules
    )
    assert scores == {"multilabel_macro_f1": pytest.approx(100 / 3)}


def test_the_tuned_threshold_is_the_best_hundredth() -> None:
    draw = np.random.default_rng(5)
    for metric in ("micro_f1", "multilabel_macro_f1", "subset_accuracy"):
        gold = draw.random((30, 3)) < 0.4
        sure = np.clip(0.25 * gold + draw.random((30, 3)) * 0.5, 0, 1)  # below one half more often than gold
        examples = [
            Example("a", None, tuple(label for label, there in zip(LABELS, row, strict=True) if there)) for row in gold
        ]
        said = [{"scores": dict(zip(LABELS, row, strict=True))} for row in sure.tolist()]
        rules = Rules(labels=LABELS)

        def score(threshold: float) -> float:
            cut = KIND.cut(said, threshold)  # noqa: B023
            return KIND.score(cut, examples, metrics=(metric,), language="en", rules=rules)[metric]  # noqa: B023

        tuned = KIND.tune(said, examples, metric=metric, language="en", rules=rules)
        tried = {number / 100: score(number / 100) for number in range(1, 100)}
        assert tried[tuned] == max(tried.values()) > tried[0.5]
        assert all(abs(tuned - 0.5) <= abs(other - 0.5) for other, value in tried.items() if value == tried[tuned])
    with pytest.raises(DataError, match="some examples have no gold"):
        KIND.tune(said, [Example("a", None, None)] * 30, metric="micro_f1", language="en")


@pytest.mark.parametrize(("labels", "wrong"), [(("a;b", "c"), 1), (("a", "c"), 0), (("a;", ";c"), 2)])
def test_a_separator_that_would_cut_a_label_is_refused(labels: tuple[str, ...], wrong: int) -> None:
    own = MultilabelKeys(labels=labels, label_separator=";")
    found = list(mistakes_of_columns(own))
    assert [path for path, _ in found] == [("label_separator",)] * wrong
    assert all("use another one" in message for _, message in found)
