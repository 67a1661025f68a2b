"""Metrics: one file each, found by file name. They are pure functions that return unrounded percent, or their unit."""

from __future__ import annotations

from layover import plugins
from layover.errors import DataError
from layover.metrics._metric import Metric
from layover.metrics._paired import paired
from layover.registry import Registry, instance_of

_METRICS: Registry[Metric] = Registry(
    __name__, __path__, "METRIC", DataError, group=plugins.METRICS, fits=instance_of(Metric)
)
names, get, usable = _METRICS.names, _METRICS.get, _METRICS.usable

__all__ = ["Metric", "get", "names", "paired", "usable"]
