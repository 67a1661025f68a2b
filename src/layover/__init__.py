"""Layover: intermediate-task transfer at adapter cost."""

__version__ = "0.1.0"
