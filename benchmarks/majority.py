"""What one constant answer scores on the official files: the table of docs/tasks.md, to be read beside any result.

python benchmarks/majority.py DATA_ROOT > table.md

The answer is the most frequent gold of the scored data themselves; for tagging one tag for every word, for spans one
text for every question.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from layover import kinds, metrics, tasks
from layover.tasks import Task


def constant(golds: Sequence[Any], kind: str) -> list[Any]:
    """Return the most frequent gold as the answer to everything."""
    if kind == "tagging":
        tag = Counter(tag for gold in golds for tag in gold).most_common(1)[0][0]
        return [[tag] * len(gold) for gold in golds]
    if kind == "span":
        texts = Counter(gold[0] if gold else "" for gold in golds)
        return [texts.most_common(1)[0][0]] * len(golds)
    return [Counter(golds).most_common(1)[0][0]] * len(golds)


def scores_of_constant(task: Task, split: str, language: str, root: Path | None) -> dict[str, float] | None:
    """Return each metric of the constant answer, None where there are no data with gold."""
    location = task.locate(split, language, root=root)
    if location is None:
        return None
    kind = kinds.get(task.kind)
    golds = [kind.gold(example) for example in task.read(location)]
    if None in golds:
        return None
    answers = constant(golds, task.kind)
    return {name: metrics.get(name).score(answers, golds, language) for name in task.metrics}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", type=Path)
    root = parser.parse_args().data_root
    print("| task | split | metric | mean | by language |\n|---|---|---|---|---|")
    for name in tasks.names():
        task = tasks.get(name)
        if task.maker is not None or task.kind in {"retrieval", "mlm"}:
            continue
        for split in ("test", "validation"):
            languages = task.usual or task.languages_of(split)
            found = {code: scores_of_constant(task, split, code, root) for code in languages}
            known = {code: value for code, value in found.items() if value is not None}
            for metric in task.metrics if known else ():
                values = {code: value[metric] for code, value in known.items()}
                listed = ", ".join(f"{code} {value:.1f}" for code, value in values.items())
                print(f"| {name} | {split} | {metric} | {fmean(values.values()):.1f} | {listed} |")


if __name__ == "__main__":
    main()
