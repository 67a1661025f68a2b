"""predict: predict with packages."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from layover.cli.console import answer
from layover.cli.files import whole_file
from layover.cli.streams import heed_reader
from layover.errors import LayoverError, StoppedError
from layover.escape import json_text
from layover.stopping import Stop

if TYPE_CHECKING:
    from layover.data.formats import Row
    from layover.inference.inputs import Input
    from layover.inference.rows import Readers
    from layover.inference.serving import Layover
    from layover.numerics import Precision

ORDER = 67
AT_ONCE = 1024
"""Number of rows in memory at a time; they are sorted by length."""

WHOLE = "all written lines are complete"

Write = Callable[[Any], None]


def command(
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="INPUT",
            help="A text, a row as JSON, a file (.jsonl, .tsv, .txt: one text per line), or - for standard input.",
            show_default=False,
        ),
    ] = None,
    *,
    package: Annotated[
        list[Path], typer.Option(help="Folder of a package; repeat for several, which share one encoder.")
    ],
    out: Annotated[Path | None, typer.Option(help="File for the results.", show_default="standard output")] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="jsonl, tsv or text.", show_default="by the extension of the file")
    ] = None,
    quoting: Annotated[bool, typer.Option(help="tsv: double quotes wrap values.")] = True,
    base: Annotated[
        str | None,
        typer.Option(help="The encoder: a directory or hub id.", show_default="the encoder of the card, if known"),
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="Commit of the encoder.", show_default="the commit of the card")
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(help="fp32, fp32-onednn, tf32, bf16, nf4 or int8.", show_default="the precision of the card"),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, mps, or auto.")] = "cpu",
    others: Annotated[
        list[Path] | None,
        typer.Option("--with", help="Folder of a package that they need.", show_default="next to the package"),
    ] = None,
    batch_tokens: Annotated[
        int | None, typer.Option(help="Number of tokens per batch.", show_default="by the device")
    ] = None,
    check: Annotated[bool, typer.Option(help="Compare the outputs of each package with its probe.")] = True,
) -> None:
    """Predict with packages: write one line of JSON per row, in the order of the rows, with its id or file and line.

    With several packages, each row names its package in the field `package`. All rows of a file are checked before
    the first prediction; rows of standard input are checked a thousand at a time.
    """
    from layover.inference.inputs import input_of
    from layover.inference.rows import Readers
    from layover.packages.card import read_card

    if text is None and sys.stdin.isatty():
        raise LayoverError("name a text, a file, or - for standard input")
    given = input_of("-" if text is None else text, format_, quoting=quoting)
    readers = Readers(read_card(folder) for folder in package)
    try:
        with written(out) as write:
            if given.twice:
                for row in given.rows():
                    readers.read(row)
            from layover.inference.serving import Layover

            model = Layover.load(
                package,
                base=base,
                revision=revision,
                device=device,
                precision=cast("Precision | None", precision),  # `load` checks the name
                others=others or (),
                check=check,
            )
            _predict(model, given, readers, batch_tokens, write)
    except Stop:
        raise StoppedError(f"stopped; {'nothing was written' if out is not None else WHOLE}") from None


def _predict(model: Layover, given: Input, readers: Readers, batch_tokens: int | None, write: Write) -> None:
    """Write the results of all rows, some rows at a time."""
    rows, several = given.rows(), len(readers) > 1
    while some := list(islice(rows, AT_ONCE)):
        names = [readers.of(row) for row in some]
        results = model.predict(some, package=names, batch_tokens=batch_tokens)
        for row, name, result in zip(some, names, results, strict=True):
            own = _id(row)
            named = {"package": name} if several else {}
            write({**named, **({} if own is None else {"id": own}), **asdict(result)})


def _id(row: Row) -> str | int | None:
    """Return the id of a row, else its file and line; None for a single row on the command line."""
    from layover.data.row_ids import id_in

    own = id_in(row.values)
    return own if own is not None else row.where().rpartition("/")[2] if row.path else None


@contextmanager
def written(out: Path | None) -> Iterator[Write]:
    """Yield a function that writes values as lines of JSON, to standard output or to a file."""
    if out is None:
        yield _answer_line
        return
    with whole_file(out) as file, file.open("w", encoding="utf-8") as stream:
        yield lambda value: _line(stream.write, value)


def _answer_line(value: Any) -> None:
    answer(value)
    heed_reader(WHOLE)


def _line(write: Callable[[str], int], value: Any) -> None:
    write(json_text(value) + "\n")
