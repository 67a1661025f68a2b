"""The tables of docs/sandbox.md, out of the reports of recipes/sandbox/kinds.yaml and transfer.yaml.

python benchmarks/sandbox.py reports/sandbox-kinds reports/sandbox-transfer > tables.md

The baseline of a task is its official metric for one constant answer, the most frequent one among the gold of the
language's test data; for aligned retrieval it is chance, and mined pairs have none. What the words give away is shown
beside it: a classifier that sees only the claim (naive Bayes on its words), a choice by shared words.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

from majority import scores_of_constant
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from layover import tasks

SOURCE = "en"


@cache
def baseline(name: str, language: str) -> float | None:
    """Return what one constant answer scores on the test data of a language; None where that has no meaning."""
    task = tasks.get(name)
    location = task.locate("test", language, root=None)
    if location is None:
        raise SystemExit(f"{name}: no test data for {language}")
    if "bucc_f1" in task.metrics:
        return None
    if task.kind == "retrieval":
        return 100 / (len(task.read(location)) // 2)
    found = scores_of_constant(task, "test", language, None)
    if found is None:
        raise SystemExit(f"{name}: no gold for {language}")
    return found[task.metrics[0]]


def examples_of(name: str, split: str) -> list[Any]:
    """Return the English examples of a task."""
    location = tasks.get(name).locate(split, SOURCE, root=None)
    if location is None:
        raise SystemExit(f"{name}: no {split} data in English")
    return tasks.get(name).read(location)


def claim_alone(name: str) -> float:
    """Return the accuracy of naive Bayes on the words of the second text, trained on the training data."""
    train, test = examples_of(name, "train"), examples_of(name, "test")
    model = make_pipeline(CountVectorizer(ngram_range=(1, 2)), MultinomialNB())
    model.fit([one.second for one in train], [one.label for one in train])
    return 100 * float(model.score([one.second for one in test], [one.label for one in test]))


def most_shared(name: str) -> float:
    """Return the accuracy of choosing what shares the most words with the first text, the first of equal ones."""

    def words(text: str) -> set[str]:
        return set(text.lower().replace(".", " ").replace(",", " ").split())

    def guess(one: Any) -> int:
        shared = [len(words(one.first) & words(choice)) for choice in one.choices]
        return shared.index(max(shared))

    return 100 * fmean(guess(one) == one.label for one in examples_of(name, "test"))


def cues_table(names: Sequence[str]) -> str:
    """Return what the words alone give away in English."""
    lines = []
    for name in names:
        task = tasks.get(name)
        if task.kind == "classification":
            lines.append([name, "the second text alone", f"{claim_alone(name):.1f}", f"{baseline(name, SOURCE):.1f}"])
        elif task.kind == "choice":
            lines.append([name, "the most shared words", f"{most_shared(name):.1f}", f"{baseline(name, SOURCE):.1f}"])
    return table(["task", "by", "English", "constant answer"], lines)


def records(folder: Path) -> list[dict[str, Any]]:
    """Return the finished cells of a report, of one seed."""
    lines = (folder / "records.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    missing = [f"{one['target']} {one['method']}" for one in found if one["record"] is None]
    if missing:
        raise SystemExit(f"{folder}: not finished: {', '.join(missing)}")
    if len({one["seed"] for one in found if one["seeded"]}) > 1:
        raise SystemExit(f"{folder}: several seeds; this table is of one")
    return found


def scores(record: dict[str, Any]) -> dict[str, float]:
    """Return language -> primary metric."""
    return {code: values[record["metric"]] for code, values in record["record"]["languages"].items()}


def table(headers: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [headers, ["---"] * len(headers), *lines])


def kinds_table(found: Sequence[dict[str, Any]]) -> str:
    """Return English and zero-shot scores of every method, beside the baseline."""
    methods = list(dict.fromkeys(one["method"] for one in found))
    headers = ["task", "metric", "baseline en / others", *(f"{method} en / others" for method in methods)]
    lines = []
    for target in dict.fromkeys(one["target"] for one in found):
        mine = {one["method"]: one for one in found if one["target"] == target}
        by_method = {method: scores(mine[method]) for method in methods}
        languages = next(iter(by_method.values()))
        base = {code: baseline(target, code) for code in languages}
        row = [target, mine[methods[0]]["metric"], pair(base)]
        lines.append([*row, *(pair(by_method[method]) for method in methods)])
    return table(headers, lines)


def pair(values: Mapping[str, float | None]) -> str:
    """Return English and the mean of the other languages."""
    others = [value for code, value in values.items() if code != SOURCE and value is not None]
    return f"{number(values.get(SOURCE))} / {number(fmean(others) if others else None)}"


def number(value: float | None) -> str:
    """Return a score."""
    return "–" if value is None else f"{value:.1f}"


def languages_table(found: Sequence[dict[str, Any]], method: str) -> str:
    """Return every language of every task for one method, and its baseline."""
    mine = [one for one in found if one["method"] == method]
    languages = sorted({code for one in mine for code in scores(one)})
    lines = []
    for one in mine:
        values = scores(one)
        cells = [
            f"{values[code]:.1f} ({number(baseline(one['target'], code))})" if code in values else "–"
            for code in languages
        ]
        lines.append([one["target"], *cells])
    return table(["task", *languages], lines)


def transfer_table(folder: Path, method: str) -> str:
    """Return the gains of every intermediate on every target for one method, zero-shot languages."""
    with (folder / "gains.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["method"] == method and row["languages"] == "zero-shot"]
    targets = list(dict.fromkeys(row["target"] for row in rows))
    lines = []
    for intermediate in dict.fromkeys(row["intermediate"] for row in rows):
        mine = {row["target"]: row for row in rows if row["intermediate"] == intermediate}
        lines.append([intermediate, *(gain(mine[target]) for target in targets)])
    return table(["intermediate", *targets], lines)


def gain(row: dict[str, str]) -> str:
    """Return a difference with its interval, bold where that leaves out zero."""
    text = f"{float(row['difference']):+.1f}"
    if row["low"]:
        text += f" [{float(row['low']):+.1f}, {float(row['high']):+.1f}]"
    return f"**{text}**" if row["verdict"] != "open" else text


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", type=Path)
    parser.add_argument("transfer", type=Path)
    arguments = parser.parse_args()
    found = records(arguments.kinds)
    names = list(dict.fromkeys(one["target"] for one in found))
    print(kinds_table(found), languages_table(found, "full"), cues_table(names), sep="\n\n")
    with (arguments.transfer / "gains.csv").open(encoding="utf-8") as stream:
        methods = list(dict.fromkeys(row["method"] for row in csv.DictReader(stream)))
    for method in methods:
        print(f"\n`{method}`:\n\n{transfer_table(arguments.transfer, method)}")


if __name__ == "__main__":
    main()
