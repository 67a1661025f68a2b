"""Sections of the report: one file each, found by file name."""

from __future__ import annotations

from layover import plugins
from layover.errors import LayoverError
from layover.registry import Registry, instance_of
from layover.report._section import Rows, Section

_SECTIONS: Registry[Section] = Registry(
    __name__, __path__, "SECTION", LayoverError, group=plugins.REPORT_SECTIONS, fits=instance_of(Section)
)


names, get = _SECTIONS.names, _SECTIONS.get


def in_order() -> list[Section]:
    """Return all sections in the order of the report."""
    return sorted((_SECTIONS.get(name) for name in _SECTIONS.names()), key=lambda section: section.order)


__all__ = ["Rows", "Section", "get", "in_order", "names"]
