"""verify: check packages against their cards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layover.cli.console import answer, say
from layover.cli.shared import JsonOption

ORDER = 67


def command(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of packages.", show_default=False)],
    *,
    base: Annotated[
        str | None,
        typer.Option(
            help="The encoder: a directory, or org/name@commit on the hub.",
            show_default="the encoder of the card, if known",
        ),
    ] = None,
    others: Annotated[
        list[Path] | None,
        typer.Option("--with", help="Folder of a package that they need.", show_default="next to the package"),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Check files, hashes, weights, encoder and outputs of packages; the exit code is 1 if a check fails.

    At the end it lists the proved fields of the card, which were computed again, and the claimed fields, which were
    not: scores, data and trainings are claims of the card.
    """
    from layover.hub.verify import verify
    from layover.packages.card import read_card

    for folder in folders:
        read_card(folder)  # a folder that is not a package is reported before any computation
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
