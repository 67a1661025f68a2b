"""Bars on a terminal; every text of theirs is shown, and never obeyed by the terminal or taken for markup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from layover.errors import printable

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import TaskID

    Bar = TaskID


class Bars:
    """Some bars below what is noted; gone when they are left."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[speed]}", markup=False),
            TextColumn("{task.fields[left]}", markup=False),
            transient=True,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def note(self, text: str) -> None:
        """Write a line above the bars."""
        from rich.text import Text

        self._progress.console.print(Text(printable(text)), highlight=False)

    def add(self, label: str) -> Bar:
        """Return a new bar, which pulses until it is told how far it is."""
        return self._progress.add_task(printable(label), total=None, speed="", left="")

    def update(self, bar: Bar, completed: float, total: float | None, speed: str, left: str) -> None:
        """Move a bar; None as total lets it pulse."""
        self._progress.update(bar, completed=completed, total=total, speed=printable(speed), left=printable(left))

    def remove(self, bar: Bar) -> None:
        """Take a bar away."""
        self._progress.remove_task(bar)
