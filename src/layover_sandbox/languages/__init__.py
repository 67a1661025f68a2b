"""The languages of the sandbox: one file each, named by its code, with a constant `LANGUAGE`."""

from __future__ import annotations

from layover.errors import DataError
from layover.registry import Registry
from layover_sandbox.language import Language

_LANGUAGES: Registry[Language] = Registry(__name__, __path__, "LANGUAGE", DataError)
names, get = _LANGUAGES.names, _LANGUAGES.get

__all__ = ["get", "names"]
