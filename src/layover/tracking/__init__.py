"""What a sweep tells while it runs: its events, the callbacks that receive them, and trackers that record them.

One file per tracker, found by its name; `run.track` of a recipe names one.
"""

from __future__ import annotations

from layover import plugins
from layover.errors import LayoverError
from layover.registry import Registry, subclass_of
from layover.tracking._events import (
    Callback,
    DevelopmentScores,
    Event,
    NodeBlocked,
    NodeFailed,
    NodeFinished,
    NodeProgress,
    NodeStarted,
    Note,
    SweepEnded,
    SweepStarted,
    TrainingProgress,
)
from layover.tracking._tracker import Tracker

_TRACKERS: Registry[type[Tracker]] = Registry(
    __name__, __path__, "TRACKER", LayoverError, group=plugins.TRACKERS, fits=subclass_of(Tracker)
)
names, get = _TRACKERS.names, _TRACKERS.get

__all__ = [
    "Callback",
    "DevelopmentScores",
    "Event",
    "NodeBlocked",
    "NodeFailed",
    "NodeFinished",
    "NodeProgress",
    "NodeStarted",
    "Note",
    "SweepEnded",
    "SweepStarted",
    "Tracker",
    "TrainingProgress",
    "get",
    "names",
]
