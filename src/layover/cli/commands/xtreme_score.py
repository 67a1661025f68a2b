"""xtreme-score: score a folder of prediction files against the official gold, with XTREME's averages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layover.cli.console import answer, say, table
from layover.cli.shared import JsonOption

ORDER = 65


def command(
    directory: Annotated[Path, typer.Argument(help="Folder with a subfolder per task.", show_default=False)],
    *,
    data_root: Annotated[Path, typer.Option(help="Folder with the official test files and their labels.")],
    json: JsonOption = False,
) -> None:
    """Score a submission to XTREME; an average with a missing language or task stays empty."""
    from layover.hub.xtreme import score_submission
    from layover.tasks import average, official

    scores = score_submission(directory, data_root)
    averages = average(scores, official())
    if json:
        means = {"tasks": averages.tasks, "kinds": averages.kinds, "overall": averages.overall}
        answer({"scores": scores, "averages": means, "missing": averages.missing})
        return
    for name, languages in scores.items():
        metrics = list(next(iter(languages.values())))
        rows = [[code, *(f"{values[metric]:.2f}" for metric in metrics)] for code, values in languages.items()]
        say(*table([name, *metrics], rows), "")
    rows = [[name, _mean(value), " ".join(averages.missing.get(name, ()))] for name, value in averages.tasks.items()]
    rows += [[f"all {kind}", _mean(value), ""] for kind, value in averages.kinds.items()]
    say(*table(["average", "score", "missing languages"], [*rows, ["all", _mean(averages.overall), ""]]))


def _mean(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}"
