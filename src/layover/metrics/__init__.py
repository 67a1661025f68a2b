"""Metrics: one file each, found by file name; pure functions that give percent, unrounded."""

from __future__ import annotations

import importlib
import pkgutil

from layover.errors import DataError, nearest
from layover.metrics._metric import Metric

__all__ = ["Metric", "get", "names"]


def names() -> tuple[str, ...]:
    """Return the names of all metrics, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")))


def get(name: str) -> Metric:
    """Return the metric of that name.

    Raises:
        DataError: there is none, with the nearest name.
    """
    if name not in names():
        raise DataError(f"no metric is called {name!r}; {nearest(name, names())}")
    metric: Metric = importlib.import_module(f"{__name__}.{name}").METRIC
    return metric
