"""Layover: intermediate-task transfer at adapter cost.

The public Python API: `Layover` loads packages and predicts with them; `results` returns the scores of a sweep as a
table of pandas; `LayoverError` is the base of all errors that a user can fix. Everything else is for the command line,
and may change with any version.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing `typing` costs milliseconds, in which Ctrl-C shows a traceback; see `stopping.py`
if TYPE_CHECKING:
    from layover.errors import LayoverError
    from layover.inference.serving import Layover
    from layover.report.frame import results

__version__ = "0.2.0.dev0"
__all__ = ["Layover", "LayoverError", "__version__", "results"]

if not TYPE_CHECKING:  # with `__getattr__` a type checker would accept every name

    def __getattr__(name: str) -> object:
        """Return `Layover`, `LayoverError` or `results`, imported at first use: the first of them imports torch."""
        if name == "LayoverError":
            from layover import errors as home
        elif name == "Layover":
            from layover.inference import serving as home
        elif name == "results":
            from layover.report import frame as home
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        attribute: object = vars(home)[name]
        globals()[name] = attribute
        return attribute
