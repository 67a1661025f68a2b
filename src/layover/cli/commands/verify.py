"""verify: does a package do what its card says?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layover.cli.console import answer, say
from layover.cli.shared import JsonOption

ORDER = 67


def command(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Of packages.", show_default=False)],
    *,
    base: Annotated[
        str | None,
        typer.Option(
            help="The encoder: a directory, or org/name@commit of the hub.", show_default="by the card, if it is known"
        ),
    ] = None,
    others: Annotated[
        list[Path] | None,
        typer.Option("--with", help="Folder of a package that is needed; else looked for beside.", show_default=False),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Check files, hashes, weights, encoder and outputs of packages; the exit code is 1 if any check failed.

    At the end stand the fields of the card that were computed again (proved), and those that were not: scores, data and
    trainings are claims of the card.
    """
    from layover.hub.verify import verify
    from layover.packages.card import read_card

    for folder in folders:
        read_card(folder)  # what is no package at all is said before anything is computed
    verdicts = []
    for folder in folders:
        if not json:
            say(f"{folder}:")
        verdict = verify(folder, others=others or (), base=base)
        verdicts.append(verdict)
        if not json:
            say(*verdict.lines())
    if json:
        answer({"packages": [verdict.as_json() for verdict in verdicts]})
    if any(verdict.failed for verdict in verdicts):
        raise typer.Exit(1)
