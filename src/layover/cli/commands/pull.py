"""pull: copy a package from the hub, a folder or an archive, after checks."""

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
            metavar="ID|DIR|ZIP", help="org/name@commit on the hub, a folder, or a zip archive.", show_default=False
        ),
    ],
    *,
    revision: Annotated[
        str | None, typer.Option(help="Commit on the hub, or `main`; there is no default.", show_default=False)
    ] = None,
    to: Annotated[Path, typer.Option(help="Folder for the packages.")] = PACKAGES,
    others: Annotated[
        list[str] | None,
        typer.Option("--with", help="Source of a package that it needs; default: next to it.", show_default=False),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Copy a package, and the packages that it needs, into a folder; a package that fails a check is not kept."""
    from layover.hub.pull import pull

    pulled = pull(source, to, revision=revision, others=others or ())
    if json:
        answer({"pulled": [_as_json(item) for item in pulled]})
        return
    for item in pulled:
        say(f"{item.folder}: {item.description}")
        say(f"  {'from' if item.new else 'already exists; the same as'} {item.where}")
        if item.left:
            say(f"  left out: {first_few(item.left, 10)}")
        if item.verdict is None:
            say("  It has no card, no hashes, no scores and no probe: its outputs cannot be checked.")
            place = item.folder.absolute()
            say(f"  In a recipe: modules: {{{item.folder.name}: {{path: {place}}}}}, with the encoder it belongs to.")
        else:
            passed = sum(result.state == "ok" for result in item.verdict.results)
            say(f"  {passed} checks passed; to check it with its encoder: layover verify {item.folder}")
            if "scores" in item.verdict.claimed:
                say("  Its scores are a claim of its card; pull does not compute them again.")


def _as_json(item: Pulled) -> dict[str, Any]:
    return {
        "folder": str(item.folder),
        "from": item.where,
        "commit": item.commit,
        "new": item.new,
        "kind": "module" if item.verdict is None else "package",
        "told": item.description,
        "left_out": list(item.left),
        **_of_card(item.verdict),
    }


def _of_card(verdict: Verdict | None) -> dict[str, Any]:
    """Return the checks, and the proved and the claimed fields of the card; null for a module without a card."""
    facts = verdict.as_json() if verdict is not None else {}
    return {name: facts.get(name) for name in ("checks", "proved", "claimed")}
