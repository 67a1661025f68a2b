"""Gold of the public files: against readings that share no code with ours, and against what is known of the data."""

from __future__ import annotations

import bz2
import csv
import json
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.thorough import some

from layover import kinds, tasks
from layover.data.task import Location
from layover.data.tokenizer import Tokenizer
from layover.tasks import take_census

pytestmark = pytest.mark.data

Locate = Callable[[str], list[Location]]


def text_of(path: Path) -> str:
    """Return the text of a file, or of one in a zip archive."""
    archive = next((parent for parent in path.parents if parent.suffix == ".zip" and parent.is_file()), None)
    if archive is not None:
        return zipfile.ZipFile(archive).read(str(path.relative_to(archive))).decode()
    data = path.read_bytes()
    return (bz2.decompress(data) if path.suffix == ".bz2" else data).decode(errors="replace")


def column(index: int) -> Callable[[Path], list[Any]]:
    """Return what reads one column of a table of tabs; a line is a row."""
    return lambda path: [line.split("\t")[index] for line in text_of(path).replace("\r", "").split("\n") if line]


def layer(path: Path) -> list[str]:
    """Return the categories of the Parallel Meaning Bank; no word of it begins with `#`."""
    return [line.split("\t")[4] for line in text_of(path).split("\n") if line and not line.startswith("#")]


def table(name: str) -> Callable[[Path], list[Any]]:
    return lambda path: [row[name] for row in csv.DictReader(text_of(path).splitlines(keepends=True))]


def objects(key: str) -> Callable[[Path], list[Any]]:
    return lambda path: [json.loads(line)[key] for line in text_of(path).split("\n") if line]


def numbered(read: Callable[[Path], list[Any]], first: str) -> Callable[[Path], list[int]]:
    """Return what counts choices from 0 on, where the file calls the first one `first`."""
    return lambda path: [ord(value) - ord(first) for value in read(path)]


READ: dict[str, Callable[[Path], list[Any]]] = {
    "ccg_pmb": layer,
    "commonsenseqa": numbered(objects("answerKey"), "A"),
    "cosmosqa": numbered(table("label"), "0"),
    "hellaswag": lambda path: [int(line) for line in text_of(path).split("\n")[1::6]],
    "mnli": table("label"),
    "ncbi_disease": column(1),
    "panx": column(1),
    "pawsx": column(2),
    "qqp": column(0),
    "siqa": numbered(column(0), "1"),
    "snli": table("label"),
    "udpos": column(1),
    "xcopa": objects("label"),
    "xnli": column(2),
}


@pytest.mark.parametrize("name", READ)
def test_gold_is_what_the_file_says(name: str, located: Locate) -> None:
    task = tasks.get(name)
    kind = kinds.get(task.kind)
    for location in located(name):
        examples = task.read(location)
        golds = [kind.gold(example) for example in examples]
        if golds[0] is None:
            continue
        said, expected = golds, READ[name](location.paths[-1])
        if task.kind == "tagging":
            said = [tag for gold in golds for tag in gold]
        if task.kind == "choice":  # of equal choices any is the right one
            expected = [item.choices.index(item.choices[index]) for item, index in zip(examples, expected, strict=True)]
        assert said == expected, location.describe()


def labels(name: str, split: str, language: str, data_root: Path) -> list[Any]:
    task = tasks.get(name)
    location = task.locate(split, language, root=data_root)
    assert location is not None
    return [example.label for example in task.read(location)]


def test_xnli_is_parallel_and_balanced(data_root: Path) -> None:
    """Conneau et al. 2018: every language has the same pairs, a third of them of each label."""
    english = labels("xnli", "validation", "en", data_root)
    assert set(Counter(english).values()) == {830}
    for language in tasks.get("xnli").languages_of("validation"):
        assert labels("xnli", "validation", language, data_root) == english
    test = {language: labels("xnli", "test", language, data_root) for language in ("de", "en", "sw")}
    assert set(Counter(test["de"]).values()) == {1_670}
    assert test["en"] == test["sw"] == test["de"]
    # the labelled German file is the blind one, row by row
    blind = csv.reader(text_of(data_root / "xnli/test-de.tsv").split("\r\n"), delimiter="\t")
    labelled = [line.split("\t")[:2] for line in text_of(data_root / "xnli/xglue-de-test.txt").split("\n") if line]
    pairs = zip((row for row in blind if row), labelled, strict=True)
    assert sum([text.strip() for text in row] == [text.strip() for text in other] for row, other in pairs) == 5_010


def test_translations_keep_their_labels(data_root: Path) -> None:
    english = labels("pawsx", "validation", "en", data_root)
    for language in set(tasks.get("pawsx").languages_of("validation")) - {"en"}:
        found = labels("pawsx", "validation", language, data_root)
        assert sum(one == other for one, other in zip(english, found, strict=True)) > 1_960
    copa, test = labels("xcopa", "validation", "en", data_root), labels("xcopa", "test", "it", data_root)
    assert Counter(test) == {0: 250, 1: 250}
    for language in tasks.get("xcopa").languages_of("test"):
        assert labels("xcopa", "validation", language, data_root) == copa
        assert labels("xcopa", "test", language, data_root) == test


def test_hellaswag_agrees_with_its_other_copy(data_root: Path) -> None:
    """A thousand items in the official keys; the full file lacks the `[step]` marks of those from WikiHow."""
    task = tasks.get("hellaswag")
    location = task.locate("validation", "en", root=data_root)
    assert location is not None
    ours = {example.choices: example.label for example in task.read(location)}
    lines = text_of(data_root / "hellaswag/hellaswag_val.sample1000.jsonl").split("\n")
    said = {tuple(row["endings"]): int(row["label"]) for row in (json.loads(line) for line in lines if line)}
    both = ours.keys() & said.keys()
    assert len(both) > 900
    assert all(ours[choices] == said[choices] for choices in both)


def test_mentions_of_diseases(data_root: Path) -> None:
    """Dogan, Leaman, Lu 2014, table of the corpus: mentions in the training, development and test set."""
    found = []
    for split in ("train", "validation", "test"):
        location = tasks.get("ncbi_disease").locate(split, "en", root=data_root)
        assert location is not None
        examples = tasks.get("ncbi_disease").read(location)
        found.append(sum(tag == "B-Disease" for example in examples for tag in example.tags))
    assert found == [5_145, 787, 960]


def test_categories_of_the_meaning_bank(located: Locate) -> None:
    train, *others = located("ccg_pmb")
    task = tasks.get("ccg_pmb").model_copy(update={"labels": tasks.get("ccg_pmb").labels_in(train)})
    known = set(layer(train.paths[0]))
    assert task.labels == tuple(sorted(known))
    assert len(task.labels) == 294
    unlearnable = {}
    for location in (train, *others):
        found = take_census(task, location, published=None)
        assert found.examples == text_of(location.paths[0]).count("\n# raw sent =")
        assert found.unlearnable == sum(tag not in known for tag in layer(location.paths[0]))
        unlearnable[location.split, location.language] = found.unlearnable
    assert unlearnable["train", "en"] == 0
    assert 0 < unlearnable["test", "en"] < unlearnable["test", "it"] < unlearnable["test", "de"]


@pytest.mark.parametrize(("name", "length"), [("ccg_pmb", 16), ("ncbi_disease", 64), ("panx", 64), ("udpos", 64)])
def test_every_word_has_exactly_one_prediction(name: str, length: int, located: Locate, xlmr: Tokenizer) -> None:
    """Rows so short that long sentences are split: what stands at a word's first token is the word's."""
    task, kind = tasks.get(name), kinds.get("tagging")
    split = 0
    for location in located(name):
        examples = some(task.read(location))
        names = tuple(sorted({tag for example in examples for tag in example.tags or ("O", "X")}))
        features = kind.encode(examples, xlmr, labels=names, max_length=length, stride=0)
        assert features.lengths.max() <= length
        split += features.rows - len(examples)
        word, rows = features.arrays["word"], np.repeat(features.arrays["example"], features.lengths)
        first = np.flatnonzero(word >= 0)
        wanted = [(number, index) for number, one in enumerate(examples) for index in range(len(one.tokens))]
        assert np.array_equal(np.stack([rows[first], word[first]], axis=1), np.array(wanted))
        tags = np.random.default_rng(0).integers(0, len(names), len(word)).astype(np.int16)
        decoded = kind.decode({"tags": tags}, features, examples, labels=names)
        assert [len(one) for one in decoded] == [len(example.tokens) for example in examples]
        assert [tag for one in decoded for tag in one] == [names[tag] for tag in tags[first]]
        gold = [names.index(tag) for example in examples if example.tags for tag in example.tags]
        assert features.arrays["labels"][first].tolist() == (gold or [-100] * len(first))
    assert split > 0, "no sentence was split"
