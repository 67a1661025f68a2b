"""tensorboard: curves for TensorBoard, one run folder for each training."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from layover.tracking._events import (
    DevelopmentScores,
    Event,
    NodeFailed,
    NodeFinished,
    NodeStarted,
    SweepEnded,
    TrainingProgress,
)
from layover.tracking._tracker import Tracker

if TYPE_CHECKING:
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

FLUSH_SECONDS = 10
"""Longest time until a point is on the disk."""
MOST_CHARACTERS = 120
"""Characters of a label in the name of a folder."""
_OTHERS = re.compile(r"[^A-Za-z0-9._+-]+")


class TensorBoard(Tracker):
    """Writes loss, learning rate, gradient norm and development scores against the optimizer step."""

    name = "tensorboard"
    module = "tensorboard.summary.writer.event_file_writer"
    install = "pip install 'layover[tensorboard]'"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._curves: dict[str, _Curve] = {}
        """Key of a running node -> the curve of its training."""

    def __call__(self, event: Event) -> None:
        match event:
            case NodeStarted(training=str(training)):
                self._close(event.key)
                self._curves[event.key] = _Curve(self._folder_of(training))
            case TrainingProgress() | DevelopmentScores():
                self._curves[event.key].add(event)
            case NodeFinished() | NodeFailed():
                self._close(event.key)
            case SweepEnded():
                for key in list(self._curves):
                    self._close(key)

    def _close(self, key: str) -> None:
        if (curve := self._curves.pop(key, None)) is not None:
            curve.close()

    def _folder_of(self, training: str) -> Path:
        """Return the run folder of a training; it stays when a recipe gives another label to the same key."""
        label, _, key = training.rpartition(" ")
        known = sorted(self.folder.glob(f"*-{key}"))
        readable = _OTHERS.sub("-", label).strip("-.")[:MOST_CHARACTERS]
        return known[0] if known else self.folder / f"{readable}-{key}"


class _Curve:
    """The events of one training in one process.

    Its first event tells TensorBoard to drop the later points of earlier processes, which this process computes again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: EventFileWriter | None = None
        self._loss_step: int | None = None

    def add(self, event: TrainingProgress | DevelopmentScores) -> None:
        """Write the points of an event."""
        if isinstance(event, DevelopmentScores):
            scores = ((f"development/{name}", value) for name, value in event.metrics.items())
            self._write(event.step, scores)
            return
        self._write(event.step, [("train/learning_rate", event.lr)])
        if event.loss_step is not None and event.loss_step != self._loss_step:
            self._loss_step = event.loss_step
            values = [("train/loss", event.loss), ("train/gradient_norm", event.gradient_norm)]
            self._write(event.loss_step, values)

    def _write(self, step: int, values: Iterable[tuple[str, float | None]]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event as Record
        from tensorboard.compat.proto.summary_pb2 import Summary

        points = [Summary.Value(tag=tag, simple_value=value) for tag, value in values if value is not None]
        writer = self._writer or self._opened(step)
        if points:
            writer.add_event(Record(wall_time=time.time(), step=step, summary=Summary(value=points)))

    def _opened(self, step: int) -> EventFileWriter:
        from tensorboard.compat.proto.event_pb2 import Event as Record
        from tensorboard.compat.proto.event_pb2 import SessionLog
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._writer = EventFileWriter(str(self._folder), flush_secs=FLUSH_SECONDS)
        start = SessionLog(status=SessionLog.START)  # readers drop all points of earlier files from this step on
        self._writer.add_event(Record(wall_time=time.time(), step=step, session_log=start))
        return self._writer

    def close(self) -> None:
        """Write everything."""
        if self._writer is not None:
            self._writer.close()


TRACKER = TensorBoard
