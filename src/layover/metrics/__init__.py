"""Metrics: one file each, found by file name; pure functions that give percent (or their unit), unrounded."""

from __future__ import annotations

from layover.errors import DataError
from layover.metrics._metric import Metric
from layover.registry import Registry

_METRICS: Registry[Metric] = Registry(__name__, __path__, "METRIC", DataError)
names, get = _METRICS.names, _METRICS.get

__all__ = ["Metric", "get", "names"]
