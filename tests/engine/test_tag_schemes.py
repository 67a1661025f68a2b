"""Scores of one's own tags, through the real command line: predictions, records, the report."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.conftest import Folder

pytestmark = pytest.mark.slow

RECIPE = """\
schema: 1
name: spans
models: {tiny: {name: encoder}}
data_root: data
methods: {full: {module: full, lr: 3e-3}}
train: {batch: 4, epochs: 8, max_length: 24, stride: 4}
tasks:
  classes: {kind: tagging, labels: [O, ORG, PER, SET], outside: [O, SET],
            files: {train: c.tsv, validation: c.tsv, test: {en: c.tsv}}}
  letters: {kind: tagging, labels: [o, org_b, org_i, per_b, per_i],
            files: {train: l.tsv, validation: l.tsv, test: {en: l.tsv}}}
sweep:
  model: [tiny]
  method: [full]
  target: [classes, letters]
  seed: [1]
run: {workers: 1, threads: 1, device: cpu}
"""
SENTENCES = [
    "cat ORG|dog ORG|is O|bird PER",
    "tree O|cat ORG|river PER|bird PER",
    "fish PER|is O|house ORG",
    "stone SET|stone SET|dog ORG",
]


OUTSIDE = {"O", "SET"}


def spelled(tag: str, last: str) -> str:
    return "o" if tag in OUTSIDE else f"{tag.lower()}_{'i' if tag == last else 'b'}"


def lines(sentence: str, *, letters: bool) -> str:
    pairs = [word.split(" ") for word in sentence.split("|")]
    tags = [tag for _, tag in pairs]
    written = [spelled(tag, last) for tag, last in zip(tags, ["", *tags], strict=False)] if letters else tags
    return "".join(f"{word}\t{tag}\n" for (word, _), tag in zip(pairs, written, strict=True)) + "\n"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> Folder:
    """A finished sweep: the same spans, as classes and with letters behind the types."""
    from tests.engine.conftest import Folder as Work

    work = Work(tmp_path_factory.mktemp("spans") / "work", encoder)
    for name, letters in (("c", False), ("l", True)):
        text = "".join(lines(one, letters=letters) for one in SENTENCES * 4)
        (work.root / "data" / f"{name}.tsv").write_text(text, encoding="utf-8")
    (work.root / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    work.run("run", "recipe.yaml")
    work.run("report", "recipe.yaml")
    return work


def cells(folder: Folder) -> dict[str, dict[str, Any]]:
    text = (folder.root / "reports" / "spans" / "records.jsonl").read_text(encoding="utf-8")
    return {line["target"]: line for line in map(json.loads, text.splitlines())}


def spans(tags: list[str]) -> set[tuple[str, int, int]]:
    """Return (type, first, number of words): runs of one type, and each tag in `_b` begins one."""
    found, first = set(), 0
    begun = [sum(tag.endswith("_b") for tag in tags[: word + 1]) for word in range(len(tags))]
    for (kind, _), run in groupby(zip((tag.partition("_")[0] for tag in tags), begun, strict=True)):
        length = len(list(run))
        if kind.upper() not in OUTSIDE:
            found.add((kind, first, length))
        first += length
    return found


@pytest.mark.parametrize("target", ["classes", "letters"])
def test_the_score_is_that_of_the_predicted_spans(done: Folder, target: str) -> None:
    cell = cells(done)[target]
    (folder,) = done.root.glob(f"store/nodes/*/{cell['key']}")
    needed = json.loads((folder / "done.json").read_text(encoding="utf-8"))["identity"]["predictions"]["en"][0]
    (predicted,) = done.root.glob(f"store/nodes/*/{needed}/predictions.jsonl")
    said = [json.loads(line) for line in predicted.read_text(encoding="utf-8").splitlines()]
    blocks = (done.root / "data" / f"{target[0]}.tsv").read_text(encoding="utf-8").strip().split("\n\n")
    gold = [[line.split("\t")[1] for line in block.split("\n")] for block in blocks]
    known = {tag for tags in gold for tag in tags}
    assert {tag for tags in said for tag in tags} <= known, "predictions keep the user's own tags"
    right = sum(len(spans(one) & spans(two)) for one, two in zip(said, gold, strict=True))
    total = sum(len(spans(one)) + len(spans(two)) for one, two in zip(said, gold, strict=True))
    score = cell["record"]["languages"]["en"]["seqeval_f1"]
    assert score == pytest.approx(200 * right / total)
    assert score > 0
    (training,) = done.root.glob(f"store/nodes/*/{cell['train_key']}/training.json")
    history = json.loads(training.read_text(encoding="utf-8"))["history"]
    best = max(evaluation["metrics"]["seqeval_f1"] for evaluation in history)
    assert best == pytest.approx(score), "the same sentences select, by the same rules"


def test_records_and_the_report_say_how_tags_were_read(done: Folder) -> None:
    tags = {target: cell["record"]["tags"] for target, cell in cells(done).items()}
    assert tags == {
        "classes": {"scheme": "io", "written": "", "outside": ["O", "SET"]},
        "letters": {"scheme": "iob2", "written": "org_b", "outside": ["o"]},
    }
    report = (done.root / "reports" / "spans" / "report.md").read_text(encoding="utf-8")
    one = "Spans are read from the tags: IO: neighbours of one class are one span; outside O, SET."
    two = "Spans are read from the tags: IOB2, written as org_b; outside o."
    assert report.index("<summary>classes") < report.index(one) < report.index("<summary>letters") < report.index(two)


def test_the_scheme_decides_a_score_of_the_same_weights(done: Folder) -> None:
    """As classes every `org_b` and `org_i` is a type of its own: another score, of the same kind of predictions."""
    options = ("tasks.letters.scheme=bare", "sweep.target=[letters]", "train.select=null")
    done.run("run", "recipe.yaml", *options)
    done.run("run", "recipe.yaml", *options[1:])
    trained = {path.parent.name for path in done.root.glob("store/nodes/*/*/head.safetensors")}
    assert len(trained) == 3, "two of the sweep above, one without a selection for both schemes"
    schemes = [json.loads(record)["tags"]["scheme"] for record in done.records().values()]
    assert sorted(schemes) == ["bare", "io", "iob2", "iob2"]
