"""Progress bars on a terminal; their texts are shown literally, never as control sequences or markup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from layover.errors import printable

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import TaskID

    Bar = TaskID


class Bars:
    """Progress bars below the notes; they disappear on exit."""

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
        """Return a progress bar; it pulses until the total is known."""
        return self._progress.add_task(printable(label), total=None, speed="", left="")

    def update(self, bar: Bar, completed: float, total: float | None, speed: str, left: str) -> None:
        """Update a bar; it pulses while `total` is None."""
        self._progress.update(bar, completed=completed, total=total, speed=printable(speed), left=printable(left))

    def remove(self, bar: Bar) -> None:
        """Remove a bar."""
        self._progress.remove_task(bar)
