"""Numbers and sets of labels as gold, from files to records: what is undefined is null, thresholds are recorded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from layover.metrics.micro_f1 import micro_f1
from layover.plan import build
from layover.plan.nodes import spec_at
from layover.recipe import load
from layover.specs.score import ScoreSpec
from layover.store import FileHashes

if TYPE_CHECKING:
    from tests.engine.conftest import Folder

TASKS = """\
  stars: {kind: regression, text: [text], range: [0, 5], epochs: 4,
          files: {train: stars.jsonl, validation: stars.jsonl, test: {en: stars.jsonl, de: even.jsonl}}}
  about: {kind: multilabel, labels: [here, tree], text: [text], epochs: 4, THRESHOLD
          files: {train: about.jsonl, validation: dev.jsonl, test: {en: about.jsonl, de: dev.jsonl}}}
"""
NARROW = (
    "sweep.method=[lora]",
    "sweep.seed=[1]",
    "sweep.exclude=[]",
    "sweep.intermediate=[none]",
)


def write(folder: Folder, name: str, rows: list[tuple[str, Any]]) -> None:
    lines = [json.dumps({"text": text, "label": label}) + "\n" for text, label in rows]
    (folder.root / "data" / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def prepared(folder: Folder, threshold: str = "") -> None:
    things = ["tree", "house", "river", "stone"] * 2
    stars = [
        (f"{thing} number {number}", 4 * (thing == "tree") + 0.25 * (number % 4)) for number, thing in enumerate(things)
    ]
    write(folder, "stars", stars)
    write(folder, "even", [("Baum", 3), ("Haus", "3.0"), ("Stein", 3)])
    labels = [["here"] * (n % 2) + ["tree"] * (thing == "tree") for n, thing in enumerate(things)]
    texts = [f"{thing} is {'here' if n % 2 else 'not'}" for n, thing in enumerate(things)]
    write(folder, "about", list(zip(texts, labels, strict=True)))
    write(folder, "dev", [(f"{text} {text}", gold) for text, gold in zip(texts[:5], labels, strict=False)])
    recipe = folder.root / "recipe.yaml"
    told = TASKS.replace("THRESHOLD", threshold and f"threshold: {threshold},")
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("tasks:\n", f"tasks:\n{told}"), encoding="utf-8")


def test_an_undefined_correlation_is_a_gap_with_its_reason(folder: Folder) -> None:
    prepared(folder)
    folder.run("run", "recipe.yaml", "sweep.target=[stars]", *NARROW)
    (record,) = (json.loads(text) for text in folder.records().values())
    assert set(record["languages"]["en"]) == {"pearson", "spearman"}
    assert record["languages"]["de"] is None
    assert record["missing"] == {"de": "pearson is undefined: every gold is 3"}
    assert record["examples"]["de"] == 3
    said = folder.run("report", "recipe.yaml", "sweep.target=[stars]", *NARROW)
    report = (folder.root / "reports" / "tiny" / "report.md").read_text(encoding="utf-8")
    assert "every gold is 3" in report
    assert "nan" not in (said + report).lower()


def plan_of(folder: Folder, *overrides: str) -> Any:
    return build(load(folder.root / "recipe.yaml", ("sweep.target=[about]", *NARROW, *overrides)), FileHashes())


def test_the_threshold_of_labels_is_tuned_on_development_data(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared(folder)
    monkeypatch.chdir(folder.root)
    plain, same, other = (
        plan_of(folder, *more) for more in ((), ("tasks.about.threshold=0.5",), ("tasks.about.threshold=0.25",))
    )
    assert plain.cells[0].score == same.cells[0].score != other.cells[0].score
    assert plain.cells[0].train == other.cells[0].train
    with pytest.raises(
        Exception, match=r"the validation data are scored, so the threshold of labels is not tuned on them by default"
    ):
        plan_of(folder, "tasks.about.threshold=validation")
    write(folder, "dev2", [("tree is here twice", ["here", "tree"]), ("a stone", []), ("river is not", ["tree"])])
    asked = ("tasks.about.threshold=validation", "tasks.about.files.validation=dev2.jsonl")
    folder.run("run", "recipe.yaml", "sweep.target=[about]", *NARROW, *asked)
    plan = plan_of(folder, *asked)
    spec = spec_at(plan.nodes, plan.cells[0].score, ScoreSpec)
    (record,) = (json.loads(text) for text in folder.records().values())
    (threshold,) = set(record["threshold"]["thresholds"].values())
    assert record["threshold"]["tuned_on"] == "validation"
    assert record["no_answer"] is None
    golds = {
        language: [json.loads(line)["label"] for line in (folder.root / "data" / name).open(encoding="utf-8")]
        for language, name in (("en", "about.jsonl"), ("de", "dev.jsonl"))
    }

    def read(key: str) -> list[dict[str, Any]]:
        file = next(folder.root.glob(f"store/nodes/*/{key}/predictions.jsonl"))
        return [json.loads(line) for line in file.open(encoding="utf-8")]

    said = {}
    for language, (predicted, _) in spec.predictions.items():
        said[language] = [
            [name for name, score in one["scores"].items() if score > threshold] for one in read(predicted)
        ]
        assert record["languages"][language]["micro_f1"] == micro_f1(said[language], golds[language])
    folder.run("predictions", "recipe.yaml", "sweep.target=[about]", *NARROW, *asked, "--out", "out.jsonl")
    lines = [json.loads(line) for line in (folder.root / "out.jsonl").open(encoding="utf-8")]
    assert [(one["prediction"], one["gold"]) for one in lines if one["language"] == "de"] == list(
        zip(said["de"], golds["de"], strict=True)
    )


@pytest.mark.parametrize(
    ("target", "problem", "field"),
    [("stars", "regression", "value"), ("about", "multi_label_classification", "scores")],
)
def test_packages_are_written_proved_and_asked(folder: Folder, target: str, problem: str, field: str) -> None:
    prepared(folder)
    asked = (f"sweep.target=[{target}]", "models.tiny.name=sandbox/mini", *NARROW)
    folder.run("run", "recipe.yaml", *asked)
    folder.run("export", "recipe.yaml", *asked, "--all", "best-per-target", "--to", "out")
    (package,) = (path.parent for path in folder.root.glob("out/*/transfer_card.json"))
    config = json.loads((package / "head_config.json").read_text(encoding="utf-8"))
    assert (config["problem_type"], config["num_labels"]) == (problem, 1 if target == "stars" else 2)
    assert "ok    probe" in folder.run("verify", str(package))
    (folder.root / "rows.jsonl").write_text(json.dumps({"first": "tree number 3"}) + "\n", encoding="utf-8")
    folder.run("predict", "rows.jsonl", "--package", str(package), "--out", "said.jsonl")
    (said,) = (json.loads(line) for line in (folder.root / "said.jsonl").open(encoding="utf-8"))
    assert field in said
    if target == "about":
        assert said["labels"] == [label for label, score in said["scores"].items() if score > 0.5]


def test_a_threshold_is_for_labels_only(folder: Folder) -> None:
    prepared(folder)
    for override, message in (
        ("tasks.stars.threshold=0.3", "stars is a task of regression; threshold is for multilabel"),
        ("tasks.about.threshold=2", "about.threshold"),
        ("tasks.about.threshold=tuned", "is not a threshold; write a finite number, or validation, or scored"),
        ("tasks.about.no_answer=0", "about is a task of multilabel; no_answer is for span tasks with a label"),
    ):
        said = folder.run("check", "recipe.yaml", override, code=2)
        assert message in said
