"""A tracker that writes the names of the events."""

from __future__ import annotations

from layover.tracking import Event, Tracker


class Listed(Tracker):
    """Appends a line for each event."""

    name = "listed"
    module = "json"
    install = "nothing to install"

    def __call__(self, event: Event) -> None:
        """Record an event."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "events.txt").open("a", encoding="utf-8") as file:
            file.write(f"{type(event).__name__}\n")


TRACKER = Listed
