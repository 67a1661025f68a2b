"""Regular expressions of strangers, matched in bounded time.

Python's own matcher goes back and tries again, so that a pattern of thirty characters can run for years. RE2 takes time
that grows with the text; what it does not know (looking around, referring back) is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from layover.errors import ModelError, shown

LONGEST = 100_000
"""Characters of a pattern; that of a LoRA with another rank in every layer takes 5,000."""
MOST_RUNS = 1_000_000
"""Of all patterns of a file together, some seconds; one for each linear map of 48 layers takes 83,000."""
MOST_MEMORY = 4 * 2**20
"""Bytes of a compiled pattern."""


@dataclass
class Patterns:
    """The patterns of a config; together they run so often and no more.

    Args:
        where: The file, for messages.
    """

    where: str
    _left: int = MOST_RUNS
    _compiled: dict[str, Any] = field(default_factory=dict)

    def whole(self, pattern: str, text: str) -> bool:
        """Return what `re.fullmatch` would.

        Raises:
            ModelError: it is no pattern, one that is not run here, or all of them together take too long.
        """
        return self._ready(pattern).fullmatch(text) is not None

    def begins(self, pattern: str, text: str) -> bool:
        """Return what `re.match` would; see `whole`."""
        return self._ready(pattern).match(text) is not None

    def _ready(self, pattern: str) -> Any:
        """Return a compiled pattern, for one run."""
        self._left -= 1
        if self._left < 0:
            raise ModelError(f"{self.where}: its patterns take too long, among them {shown(pattern)}")
        if pattern not in self._compiled:
            self._compiled[pattern] = self._compile(pattern)
        return self._compiled[pattern]

    def _compile(self, pattern: str) -> Any:
        import re2

        if len(pattern) > LONGEST:
            raise ModelError(f"{self.where}: a pattern of {len(pattern)} characters; at most {LONGEST} are read")
        if "{," in pattern or "[:" in pattern:  # which mean something else to Python
            raise self._refused(pattern, "RE2 reads it otherwise than Python")
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
