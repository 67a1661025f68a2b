"""What every task owes: complete metadata, and a five-row fixture that reads alike from hub and official files."""

from __future__ import annotations

import bz2
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest

from layover import kinds, metrics, tasks
from layover.data.features import Features
from layover.data.task import HubSource, Location
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError

FIXTURES = Path(__file__).parent / "fixtures"
PUBLISHED = [name for name in tasks.names() if tasks.get(name).maker is None and not tasks.get(name).sources]
"""The others make their data, or take those of others: tests/sandbox, test_joined.py and test_crossed.py test them."""
NOT_ON_THE_HUB = {name for name in PUBLISHED if not tasks.get(name).hub}
FILES_ONLY = {"udpos": {"lt", "pl", "ro", "uk", "wo"}}
"""Languages of a task that the hub does not have."""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep `datasets` from taking one test's folder for another's."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def fixture(name: str) -> dict[str, Any]:
    path = FIXTURES / f"{name.replace('/', '__')}.json"
    assert path.is_file(), f"{name} needs a fixture: five rows in hub columns, and official files of the same rows"
    return json.loads(path.read_text(encoding="utf-8"))


def write_hub(folder: Path, source: HubSource, rows: list[dict], labels: dict[str, list[str]]) -> None:
    """Write rows as a data set that `load_dataset` takes for one of the hub; `labels` numbers a column's labels."""
    data = datasets.Dataset.from_list(rows)
    for column, names in labels.items():
        label = datasets.ClassLabel(names=names)
        features = data.features.copy()
        features[column] = datasets.List(label) if isinstance(features[column], datasets.List) else label
        data = data.cast(features)
    folder.mkdir()
    config = {"config_name": source.config or "default"}
    files = []
    splits = source.split.split("+")  # rows of several splits, evenly
    for number, split in enumerate(splits):
        part = data.shard(len(splits), number, contiguous=True)
        part.to_parquet(str(folder / f"{split}.parquet"))
        files.append({"split": split, "path": f"{split}.parquet"})
    card = json.dumps({"configs": [config | {"data_files": files}]})  # YAML takes JSON
    (folder / "README.md").write_text(f"---\n{card}\n---\n")


def located_hub(folder: Path, name: str, labels: list[str] | None = None) -> Location:
    """Return the task's hub location, pointed at its fixture."""
    task, data = tasks.get(name), fixture(name)
    location = task.locate(data["split"], data["language"], root=None)
    assert location is not None
    assert location.hub is not None
    columns = {"classification": "label", "tagging": "tags", "multilabel": "label"}
    coded = {}
    if task.kind in columns:
        coded = {str(location.reading.columns[columns[task.kind]]): labels or list(location.reading.codes)}
    write_hub(folder / "hub", location.hub, data["hub"], coded)
    return replace(location, source=location.hub.model_copy(update={"path": str(folder / "hub")}))


def official(folder: Path, path: str, data: dict[str, Any]) -> None:
    """Write an official file of a fixture, and the files that belong to it (`beside`)."""
    for name, text in {path: data["files"][path], **data.get("beside", {})}.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        content = text.encode()
        target.write_bytes(bz2.compress(content) if name.endswith(".bz2") else content)


def perfect(features: Features, kind: str, labels: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return outputs that say the gold of the features."""
    return {
        "classification": lambda: {"logits": np.eye(len(labels), dtype=np.float32)[features.arrays["label"]]},
        "regression": lambda: {"number": features.arrays["number"]},
        "multilabel": lambda: {"logits": 9 * features.arrays["present"] - 5},
        "tagging": lambda: {"tags": np.maximum(features.arrays["labels"], 0).astype(np.int16)},
        "choice": lambda: {"score": np.eye(features.group, dtype=np.float32)[features.arrays["label"]].ravel()},
        "retrieval": lambda: _matched(features.rows),
        "mlm": lambda: _guessed(features.rows),
        "span": lambda: _spans(features),
    }[kind]()


def _matched(count: int) -> dict[str, np.ndarray]:
    # fixtures hold five pairs: each sentence of a side finds the one of the other side
    half, rows = count // 2, np.arange(count)
    return {"match": np.where(rows < half, rows + half, rows - half), "score": np.ones(count)}


def _guessed(count: int) -> dict[str, np.ndarray]:
    one = np.ones(count)  # a hidden token in each row, guessed for certain
    return {"nats": 0 * one, "masked": one, "correct": one}


def _spans(features: Features) -> dict[str, np.ndarray]:
    arrays, outputs = features.arrays, {}
    for side in ("start", "end"):
        outputs[side] = np.zeros(len(arrays["ids"]), np.float32)
        outputs[side][arrays["offsets"][:-1] + arrays[side]] = 9.0
    return outputs


@pytest.mark.parametrize("name", PUBLISHED)
def test_metadata(name: str) -> None:
    task = tasks.get(name)
    assert task.name == name
    assert task.summary
    assert task.licence
    assert task.citation
    assert "train" in task.counts or task.train_task or not kinds.get(task.kind).trained
    for split, languages in task.languages.items():
        assert len(set(languages)) == len(languages)
        assert task.hub.get(split) or name in NOT_ON_THE_HUB
        assert task.files[split]
        for language in languages:
            missing = name in NOT_ON_THE_HUB or language in FILES_ONLY.get(name, ())
            assert (task.locate(split, language, root=None) is None) == missing
            assert task.candidates(split, language)
    if task.train_task is not None:
        other = tasks.get(task.train_task)
        assert (other.kind, other.labels) == (task.kind, task.labels)
        assert not task.languages_of("train")
        assert "en" in other.languages_of("train")
    else:
        assert all(task.count("train", language) for language in task.languages_of("train"))


@pytest.mark.parametrize("name", PUBLISHED)
def test_hub_and_every_official_file_give_the_same_examples(name: str, tmp_path: Path) -> None:
    task, data = tasks.get(name), fixture(name)
    split, language = data["split"], data["language"]
    assert data["files"]
    assert bool(data.get("hub")) == (name not in NOT_ON_THE_HUB)
    found = {}
    for number, path in enumerate(data["files"]):
        root = tmp_path / str(number)
        official(root, path, data)
        assert path in task.candidates(split, language)
        location = task.locate(split, language, root=root)
        assert location is not None, path
        found[path] = task.read(location)
    expected = found[path] if name in NOT_ON_THE_HUB else task.read(located_hub(tmp_path, name))
    # an example of retrieval is one sentence of a pair
    assert len(expected) == (10 if task.kind == "retrieval" else 5)
    assert all(kinds.get(task.kind).has_gold(example) for example in expected)
    for path, examples in found.items():
        assert examples == expected, path


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("family", ["tokenizer", "segmented"])
def test_encodes_and_scores_100_on_gold(name: str, family: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    task, data = tasks.get(name), fixture(name)
    kind = kinds.get(task.kind)
    tokenizer: Tokenizer = request.getfixturevalue(family)
    official(tmp_path, next(iter(data["files"])), data)
    location = task.locate(data["split"], data["language"], root=tmp_path)
    assert location is not None
    examples = task.read(location)
    if task.labels_from_training:
        task = task.model_copy(update={"labels": task.labels_in(location)})
    labels = task.scored_labels()
    features = kind.encode(examples, tokenizer, labels=labels, max_length=200, stride=32)
    assert features.lengths.max() <= 200
    assert ("segments" in features.arrays) == tokenizer.segmented
    features.save(tmp_path / "features.safetensors")
    features = Features.load(tmp_path / "features.safetensors", kind.columns)
    predictions = kind.decode(perfect(features, task.kind, labels), features, examples, labels=labels)
    again = json.loads(json.dumps(predictions))
    scores = kind.score(again, examples, metrics=task.metrics, language=data["language"])
    best = {metric: 100.0 if metrics.get(metric).higher_is_better else 0.0 for metric in task.metrics}
    assert scores == pytest.approx(best)
    stored = [kind.from_json(json.loads(json.dumps(kind.to_json(example)))) for example in examples]
    assert stored == examples


CODED = {"classification", "tagging", "multilabel"}
LABELLED = [name for name in PUBLISHED if tasks.get(name).kind in CODED and name not in NOT_ON_THE_HUB]


@pytest.mark.parametrize("name", LABELLED)
def test_another_label_order_on_the_hub_is_refused(name: str, tmp_path: Path) -> None:
    labels = list(dict.fromkeys(tasks.get(name).scored_labels()))
    location = located_hub(tmp_path, name, [*labels[1:], labels[0]])
    with pytest.raises(DataError, match=r"numbers its labels as .*, but the task declares .*; write `codes`"):
        tasks.get(name).read(location)
