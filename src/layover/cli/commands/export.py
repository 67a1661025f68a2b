"""export: finished work as packages to share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layover.cli.console import answer, complain, say
from layover.cli.shared import DEFAULT_STORE, JsonOption, RecipeArgument, StoreOption, planned
from layover.errors import LayoverError

ORDER = 66
BEST = "best-per-target"


def command(
    recipe: RecipeArgument,
    cells: Annotated[
        list[str] | None,
        typer.Argument(
            help="Labels of cells, or first digits of the keys of trainings; overrides of the recipe among them.",
            show_default=False,
        ),
    ] = None,
    *,
    to: Annotated[Path, typer.Option(help="Folder of the packages.")] = Path("adapters_hub_export"),
    every: Annotated[
        str | None, typer.Option("--all", help=f"{BEST}: the best cell of every target.", show_default=False)
    ] = None,
    flatten: Annotated[bool, typer.Option("--flatten", help="One LoRA instead of a stack or an exact merge.")] = False,
    adapterhub: Annotated[bool, typer.Option("--adapterhub", help="Write AdapterHub's layout of a LoRA, too.")] = False,
    name: Annotated[str | None, typer.Option(help="Of the one package.", show_default="from the cell")] = None,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Write packages that load in peft, in adapters and in Layover: module, head, card, results, proof."""
    from layover.hub.choose import best_per_target, choose
    from layover.hub.export import Export
    from layover.hub.libraries import only_in_layover
    from layover.hub.options import Options
    from layover.packages.card import read_card
    from layover.report.rows import rows_of

    overrides = [text for text in cells or () if "=" in text]
    labels = [text for text in cells or () if "=" not in text]
    if bool(labels) == (every is not None):
        raise LayoverError(f"name cells, or --all {BEST}")
    if every not in {None, BEST}:
        raise LayoverError(f"--all {every}: only {BEST} is known")
    found = planned(recipe, overrides, store, needed=True)
    with found.store.locks.read("export", complain):
        if labels:
            wanted = choose(found.plan, found.store, labels)
        else:
            wanted = best_per_target(found.plan, rows_of(found.plan, found.store), note=complain)
        export = Export(found.plan, found.store, to, Options(flatten=flatten, adapterhub=adapterhub, name=name))
        folders = export.packages(wanted)
    if json:
        answer({"packages": [str(folder) for folder in folders], "written": [str(one) for one in export.written]})
        return
    for folder in dict.fromkeys([*export.written, *folders]):
        reason = only_in_layover(read_card(folder))
        alone = f"; its module is in Layover's own layout alone: {reason}" if reason else ""
        say(f"{folder}: {'written' if folder in export.written else 'was there already'}{alone}")
