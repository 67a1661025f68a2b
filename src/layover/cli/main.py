"""`layover`: the verbs, and how errors reach a person."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import typer

from layover import __version__
from layover.cli import commands
from layover.cli.console import complain
from layover.cli.quiet import quiet
from layover.errors import LayoverError


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"layover {__version__}")
        raise typer.Exit


def build_app() -> typer.Typer:
    """Return the application; every file of `cli/commands` adds the verb, or group of verbs, it is named after."""
    app = typer.Typer(
        name="layover",
        help="Intermediate-task transfer at adapter cost. Start with: layover check RECIPE",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def root(
        version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
    ) -> None:
        """Intermediate-task transfer at adapter cost."""

    modules = [
        importlib.import_module(f"{commands.__name__}.{found.name}")
        for found in pkgutil.iter_modules(commands.__path__)
    ]
    for module in sorted(modules, key=lambda module: module.ORDER):
        name = module.__name__.rpartition(".")[2].rstrip("_").replace("_", "-")
        if hasattr(module, "group"):
            app.add_typer(module.group, name=name)
        else:
            app.command(name)(module.command)
    return app


def main() -> None:
    """Run the command line; a `LayoverError`, or a path that cannot be used, becomes a message and an exit code."""
    quiet()
    try:
        build_app()()
    except LayoverError as error:
        complain(str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        if error.filename is None:
            raise
        complain(f"{error.filename}: {error.strerror}")
        sys.exit(LayoverError.exit_code)


if __name__ == "__main__":
    main()
