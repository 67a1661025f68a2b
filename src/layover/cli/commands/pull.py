"""pull: a package from the hub, a folder or an archive, checked before it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layover.cli.console import answer, say
from layover.cli.shared import JsonOption
from layover.errors import first_few

if TYPE_CHECKING:
    from layover.hub.pull import Pulled
    from layover.hub.verify import Verdict

ORDER = 68
PACKAGES = Path("packages")


def command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="ID|DIR|ZIP", help="org/name@commit of the hub, a folder, or a zip archive.", show_default=False
        ),
    ],
    *,
    revision: Annotated[
        str | None, typer.Option(help="Commit on the hub; `main` must be said.", show_default=False)
    ] = None,
    to: Annotated[Path, typer.Option(help="Folder of the packages.")] = PACKAGES,
    others: Annotated[
        list[str] | None,
        typer.Option(
            "--with", help="Where a package that it needs is pulled from; else beside it.", show_default=False
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Copy a package, and those that it needs, into a folder of packages; nothing that fails a check is kept."""
    from layover.hub.pull import pull

    pulled = pull(source, to, revision=revision, others=others or ())
    if json:
        answer({"pulled": [_as_json(one) for one in pulled]})
        return
    for one in pulled:
        say(f"{one.folder}: {one.description}")
        say(f"  {'from' if one.new else 'was there already; the same as'} {one.where}")
        if one.left:
            say(f"  left out: {first_few(one.left, 10)}")
        if one.verdict is None:
            say("  It has no card, no hashes, no scores and no probe: nobody vouches for what it computes.")
            place = one.folder.absolute()
            say(f"  In a recipe: modules: {{{one.folder.name}: {{path: {place}}}}}, beside the encoder it is for.")
        else:
            passed = sum(result.state == "ok" for result in one.verdict.results)
            say(f"  {passed} checks passed; with its encoder: layover verify {one.folder}")
            if "scores" in one.verdict.claimed:
                say("  Its scores are a claim of its card; nothing here computes them again.")


def _as_json(one: Pulled) -> dict[str, Any]:
    return {
        "folder": str(one.folder),
        "from": one.where,
        "commit": one.commit,
        "new": one.new,
        "kind": "module" if one.verdict is None else "package",
        "told": one.description,
        "left_out": list(one.left),
        **_of_card(one.verdict),
    }


def _of_card(verdict: Verdict | None) -> dict[str, Any]:
    """Return what was checked, and which fields of the card are proved and claimed; null for a module without one."""
    found = verdict.as_json() if verdict is not None else {}
    return {name: found.get(name) for name in ("checks", "proved", "claimed")}
