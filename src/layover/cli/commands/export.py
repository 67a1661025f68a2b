"""export: write finished cells as packages to share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layover.cli.console import answer, complain, say
from layover.cli.shared import DEFAULT_STORE, JsonOption, RecipeArgument, StoreOption, names_and_overrides, planned
from layover.errors import LayoverError

ORDER = 66
BEST = "best-per-target"


def command(
    recipe: RecipeArgument,
    cells: Annotated[
        list[str] | None,
        typer.Argument(
            help="Labels of cells, or first digits of training keys; `path=value` changes the recipe.",
            show_default=False,
        ),
    ] = None,
    *,
    to: Annotated[Path, typer.Option(help="Folder for the packages.")] = Path("adapters_hub_export"),
    every: Annotated[
        str | None, typer.Option("--all", help=f"{BEST}: the best cell of every target.", show_default=False)
    ] = None,
    flatten: Annotated[
        bool, typer.Option("--flatten", help="Write one LoRA instead of a stack or an exact merge.")
    ] = False,
    adapterhub: Annotated[bool, typer.Option("--adapterhub", help="Also write a LoRA in AdapterHub's layout.")] = False,
    name: Annotated[
        str | None, typer.Option(help="Name of the package, if there is only one.", show_default="from the cell")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Write packages (module, head, card with results, probe) that load in peft, in adapters and in Layover."""
    from layover.hub.choose import best_per_target, choose
    from layover.hub.export import Export
    from layover.hub.libraries import only_in_layover
    from layover.hub.options import Options
    from layover.packages.card import read_card
    from layover.report.rows import rows_of

    labels, overrides = names_and_overrides(cells)
    if bool(labels) == (every is not None):
        raise LayoverError(f"name the cells to export, or use --all {BEST}")
    if every not in {None, BEST}:
        raise LayoverError(f"--all {every}: the only value is {BEST}")
    prepared = planned(recipe, overrides, store, needed=True)
    with prepared.store.locks.read("export", complain):
        if labels:
            wanted = choose(prepared.plan, prepared.store, labels)
        else:
            wanted = best_per_target(prepared.plan, rows_of(prepared.plan, prepared.store), note=complain)
        export = Export(prepared.plan, prepared.store, to, Options(flatten=flatten, adapterhub=adapterhub, name=name))
        folders = export.packages(wanted)
    if json:
        answer({"packages": [str(folder) for folder in folders], "written": [str(folder) for folder in export.written]})
        return
    for folder in dict.fromkeys([*export.written, *folders]):
        reason = only_in_layover(read_card(folder))
        alone = f"; its module is only in Layover's own layout: {reason}" if reason else ""
        say(f"{folder}: {'written' if folder in export.written else 'already exists'}{alone}")
