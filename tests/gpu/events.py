"""What happens on the pretended device: operators, waits of the host, and copies from memory that is not pinned."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

WAIT, PAGEABLE, EARLY = "wait", "pageable", "early"
DEVICE = frozenset(Path(__file__).with_name(name) for name in ("pretended.py", "host.py"))
"""The device itself, which asks for nothing."""


@dataclass(frozen=True)
class Event:
    """Something that a GPU would make the host wait for, or copy slowly, and the innermost line of ours that asks."""

    kind: str
    """`wait`; `pageable`: a copy to the device from memory that is not pinned; `early`: a copy is read on its way."""
    operator: str
    function: str
    """`heads/span.py:SpanHead.outputs`; `autograd` if a backward pass has no line of ours."""
    line: str
    """`heads/span.py:41`"""


@dataclass
class Log:
    """What happened on the device."""

    ours: Sequence[Path]
    """Folders of code whose lines are reported; the first that holds a file names it."""
    events: Counter[Event] = field(default_factory=Counter)
    operators: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, operator: str) -> None:
        """Write down an event at the present line."""
        self.events[Event(kind, operator, *self._place())] += 1

    def _place(self) -> tuple[str, str]:
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            path = Path(frame.f_code.co_filename)
            for folder in self.ours:
                if path.is_relative_to(folder) and path not in DEVICE:
                    name = path.relative_to(folder).as_posix()
                    return f"{name}:{frame.f_code.co_qualname}", f"{name}:{frame.f_lineno}"
            frame = frame.f_back
        return "autograd", "autograd"
