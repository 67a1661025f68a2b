"""Layover: intermediate-task transfer at adapter cost.

The public Python API: `Layover` loads packages and predicts with them, and `LayoverError` is what every mistake that a
user can mend raises. Everything else is for the command line, and may change with any version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from layover.errors import LayoverError

if TYPE_CHECKING:
    from layover.sharing.serving import Layover

__version__ = "0.2.0.dev0"
__all__ = ["Layover", "LayoverError", "__version__"]

if not TYPE_CHECKING:  # to a type checker any name at all would be there

    def __getattr__(name: str) -> object:
        """Return `Layover`, imported when it is first asked for: torch comes with it."""
        if name != "Layover":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from layover.sharing.serving import Layover

        globals()[name] = Layover
        return Layover
