"""Layover: intermediate-task transfer at adapter cost.

The public Python API: `run` runs a sweep, and `layover.tracking` has its events; `results` returns the scores of a
sweep as a table of pandas; `Layover` loads packages and predicts with them; `LayoverError` is the base of all errors
that a user can fix. Everything else is for the command line, and may change with any version.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing `typing` costs milliseconds, in which Ctrl-C shows a traceback; see `stopping.py`
if TYPE_CHECKING:
    from layover.cli.from_python import run
    from layover.errors import LayoverError
    from layover.inference.serving import Layover
    from layover.report.frame import results

__version__ = "0.2.0.dev0"
__all__ = ["Layover", "LayoverError", "__version__", "results", "run"]

if not TYPE_CHECKING:  # with `__getattr__` a type checker would accept every name

    def __getattr__(name: str) -> object:
        """Return a public name, imported at first use: `Layover` imports torch."""
        if name == "LayoverError":
            from layover import errors as home
        elif name == "Layover":
            from layover.inference import serving as home
        elif name == "results":
            from layover.report import frame as home
        elif name == "run":
            from layover.cli import from_python as home
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        attribute: object = vars(home)[name]
        globals()[name] = attribute
        return attribute
