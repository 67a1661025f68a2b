"""`layover`: the commands, and how their errors are reported.

Slow imports are inside functions, so that `main` handles Ctrl-C first.
"""

from __future__ import annotations

import sys

from layover import stopping

TYPE_CHECKING = False
if TYPE_CHECKING:
    import typer


def _version(wanted: bool) -> None:
    import typer

    from layover import __version__
    from layover.cli.console import say

    if wanted:
        say(f"layover {__version__}")
        raise typer.Exit


def build_app() -> typer.Typer:
    """Return the application; each file of `cli/commands` adds the command, or command group, of its name."""
    import importlib
    import pkgutil

    import typer

    from layover.cli import commands

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
        importlib.import_module(f"{commands.__name__}.{info.name}") for info in pkgutil.iter_modules(commands.__path__)
    ]
    for module in sorted(modules, key=lambda module: module.ORDER):
        name = module.__name__.rpartition(".")[2].rstrip("_").replace("_", "-")
        if hasattr(module, "group"):
            app.add_typer(module.group, name=name)
        else:
            app.command(name)(module.command)
    return app


def main() -> None:
    """Run the command line and exit with 0, 1, 2, or 130 after a request to stop."""
    stopping.heed()
    try:
        code = _run()
        stopping.over()
    except (stopping.Stop, KeyboardInterrupt):
        stopping.over()
        _complain("stopped")
        code = stopping.EXIT_CODE
    sys.exit(code)


def _run() -> int:
    """Return the exit code; a `LayoverError`, or a path that cannot be used, becomes an error message."""
    from layover import allowed
    from layover.cli import streams
    from layover.cli.console import libraries_shown
    from layover.cli.libraries import quiet

    quiet()
    streams.guard()
    allowed.bound_threads()
    with libraries_shown():
        code = _run_command()
    code, text = streams.settle(code)
    if text:
        _complain(text)
    return code


def _run_command() -> int:
    from layover.errors import LayoverError

    try:
        build_app()()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except LayoverError as error:
        _complain(str(error))
        return error.exit_code
    except OSError as error:
        if (text := _os_message(error)) is None:
            raise
        _complain(text)
        return LayoverError.exit_code
    return 0


def _complain(text: str) -> None:
    from layover.cli.console import complain

    complain(text)


def _os_message(error: OSError) -> str | None:
    """Return the message on an unusable path or disk, or None for any other error."""
    from layover.files.disk import full, message_of

    if full(error) is not None:
        return message_of(error)
    return None if error.filename is None else f"{error.filename}: {error.strerror}"


if __name__ == "__main__":
    main()
