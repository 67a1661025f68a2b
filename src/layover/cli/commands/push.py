"""push: a package into a repository of the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from layover.cli.console import answer, say, size, table
from layover.cli.shared import JsonOption

ORDER = 69


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Of the package.", show_default=False)],
    repository: Annotated[str, typer.Argument(metavar="REPO", help="org/name on the hub.", show_default=False)],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be sent; no network, no token.")
    ] = False,
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    revision: Annotated[str | None, typer.Option(help="A branch.", show_default="the main one")] = None,
    base: Annotated[
        str | None, typer.Option(help="Its encoder, for the checks; see verify.", show_default="by the card")
    ] = None,
    others: Annotated[
        list[Path] | None, typer.Option("--with", help="Folder of a package that it needs.", show_default=False)
    ] = None,
    json: JsonOption = False,
) -> None:
    """Verify a package and send exactly its files; the token is the one that huggingface_hub keeps."""
    from layover.hub.push import prepare

    push = prepare(folder, repository, others=others or (), base=base)
    where = repository if revision is None else f"{repository}, branch {revision}"
    address = None
    if not json:
        rows = [[one.name, size(one.bytes), one.sha256] for one in push.files]
        say(*table(["file", "size", "sha256"], rows))
        for result in push.verdict.results:
            if result.state == "skip":
                say(f"not checked: {result.name}: {result.message}")
    if not dry_run:
        address = push.send(private=private, revision=revision)
    if json:
        found: dict[str, Any] = {
            "repository": repository,
            "revision": revision,
            "private": private,
            "sent": address,
            "files": [{"name": one.name, "bytes": one.bytes, "sha256": one.sha256} for one in push.files],
            "needs": list(push.needed),
            "checks": push.verdict.as_json()["checks"],
        }
        answer(found)
        return
    say(f"would go to {where}; nothing was sent" if address is None else f"sent to {where}: {address}")
    if push.needed:
        say(f"it needs {', '.join(push.needed)}: push {'them' if len(push.needed) > 1 else 'it'}, too")
