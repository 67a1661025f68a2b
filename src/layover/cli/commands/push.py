"""push: send a package to a repository on the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from layover.cli.console import answer, say, size, table
from layover.cli.shared import JsonOption

ORDER = 69


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the package.", show_default=False)],
    repository: Annotated[str, typer.Argument(metavar="REPO", help="org/name on the hub.", show_default=False)],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be sent; uses no network and no token.")
    ] = False,
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    revision: Annotated[
        str | None, typer.Option(help="Branch of the repository.", show_default="the main branch")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(help="The encoder, for the checks; see verify.", show_default="the encoder of the card"),
    ] = None,
    others: Annotated[
        list[Path] | None, typer.Option("--with", help="Folder of a package that it needs.", show_default=False)
    ] = None,
    json: JsonOption = False,
) -> None:
    """Verify a package and send exactly its files, with the token that huggingface_hub stores."""
    from layover.hub.push import prepare

    push = prepare(folder, repository, others=others or (), base=base)
    where = repository if revision is None else f"{repository}, branch {revision}"
    address = None
    if not json:
        rows = [[file.name, size(file.bytes), file.sha256] for file in push.files]
        say(*table(["file", "size", "sha256"], rows))
        for result in push.verdict.results:
            if result.state == "skip":
                say(f"not checked: {result.name}: {result.message}")
    if not dry_run:
        address = push.send(private=private, revision=revision)
    if json:
        values: dict[str, Any] = {
            "repository": repository,
            "revision": revision,
            "private": private,
            "sent": address,
            "files": [{"name": file.name, "bytes": file.bytes, "sha256": file.sha256} for file in push.files],
            "needs": list(push.needed),
            "checks": push.verdict.as_json()["checks"],
        }
        answer(values)
        return
    say(f"not sent; the target is {where}" if address is None else f"sent to {where}: {address}")
    if push.needed:
        say(f"it needs {', '.join(push.needed)}: push {'them' if len(push.needed) > 1 else 'it'}, too")
