"""The base of trackers: callbacks that a recipe chooses by name."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from layover.tracking._events import Event


class Tracker(ABC):
    """Records the events of a sweep in files, or sends them to a service.

    Args:
        folder: The folder for the files of this sweep, `tracking/NAME`; it may be absent.
    """

    name: ClassVar[str]
    module: ClassVar[str]
    """The Python module that it needs."""
    install: ClassVar[str]
    """The command that installs this module."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def __call__(self, event: Event) -> None:
        """Record an event; after `SweepEnded` everything is written."""

    @classmethod
    def problem(cls) -> str:
        """Return why the tracker cannot be used here, or an empty text."""
        try:
            importlib.import_module(cls.module)
        except ModuleNotFoundError:
            return f"{cls.name} needs the module {cls.module}, which is not installed; run: {cls.install}"
        except Exception as error:  # noqa: BLE001  an installed package may fail in any way
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            return f"{cls.name}: importing {cls.module} failed ({reason}); install it again: {cls.install}"
        return ""
