"""Regular expressions from foreign files, matched in bounded time.

Python's own matcher backtracks, so a pattern of thirty characters can run for years. RE2 takes time linear in the
length of the text. Patterns that it does not support (lookaround, backreferences) are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from layover.errors import ModelError, shown

LONGEST = 100_000
"""Characters of a pattern; a LoRA with another rank in every layer has a pattern of 5,000."""
MOST_RUNS = 1_000_000
"""Runs of all patterns of a file, some seconds; one pattern per linear map of 48 layers takes 83,000 runs."""
MOST_MEMORY = 4 * 2**20
"""Bytes of a compiled pattern."""


@dataclass
class Patterns:
    """The patterns of a config, with a limit on the total number of their runs.

    Args:
        where: The file, for messages.
    """

    where: str
    _left: int = MOST_RUNS
    _compiled: dict[str, Any] = field(default_factory=dict)

    def whole(self, pattern: str, text: str) -> bool:
        """Return whether a pattern matches the whole text, like `re.fullmatch`.

        Raises:
            ModelError: the pattern is invalid or unsupported, or the patterns of the file take too long together.
        """
        return self._ready(pattern).fullmatch(text) is not None

    def begins(self, pattern: str, text: str) -> bool:
        """Return whether a pattern matches the beginning of the text, like `re.match`; see `whole`."""
        return self._ready(pattern).match(text) is not None

    def _ready(self, pattern: str) -> Any:
        """Return the compiled pattern and count one run."""
        self._left -= 1
        if self._left < 0:
            raise ModelError(f"{self.where}: its patterns take too long, among them {shown(pattern)}")
        if pattern not in self._compiled:
            self._compiled[pattern] = self._compile(pattern)
        return self._compiled[pattern]

    def _compile(self, pattern: str) -> Any:
        import re2

        if len(pattern) > LONGEST:
            raise ModelError(f"{self.where}: a pattern has {len(pattern)} characters, but at most {LONGEST} are read")
        if "{," in pattern or "[:" in pattern:  # they have another meaning in Python
            raise self._refused(pattern, "RE2 and Python read it differently")
        options = re2.Options()
        options.log_errors, options.max_mem = False, MOST_MEMORY
        try:
            return re2.compile(pattern, options=options)
        except (re2.error, UnicodeError) as error:
            reason = error.args[0] if error.args else error
            text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
            raise self._refused(pattern, text) from None

    def _refused(self, pattern: str, reason: str) -> ModelError:
        return ModelError(
            f"{self.where}: the pattern {shown(pattern)} is not run here ({shown(reason)}); write a list of names "
            "instead"
        )
