"""The text of a recipe file: a plain file of a recipe's size, in UTF-8."""

from __future__ import annotations

import stat
from pathlib import Path

from layover.errors import Problem, RecipeError
from layover.tasks import kind_of_file

LARGEST = 256 * 1024
"""Bytes of a file that is read as a recipe."""
_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}


def read_text(path: Path) -> str:
    """Return the text of a recipe file.

    Raises:
        RecipeError: it is absent, no plain file, too large, not in UTF-8, or has characters that YAML does not allow.
    """
    name = str(path)
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise _error(name, f"is {kind_of_file(state.st_mode)}; name a file with a recipe in it")
        if state.st_size > LARGEST:
            raise _error(name, f"has {state.st_size:,} bytes, but a recipe has {LARGEST:,} at most; name another file")
        content = path.read_bytes()
    except FileNotFoundError:
        beside = sorted(str(other) for other in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        hint = f"; there: {', '.join(beside[:20])}" if beside else ""
        raise _error(name, f"no such file{hint}") from None
    except (OSError, ValueError) as error:
        raise _error(name, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return _checked(_decoded(content, name), name)


def _decoded(content: bytes, name: str) -> str:
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            raise _error(f"{name}:1", f"is in {encoding}; save it in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        wrong = content[error.start]
        raise _error(f"{name}:{line}", f"byte 0x{wrong:02X} is no UTF-8; save the file in UTF-8") from None


def _checked(text: str, name: str) -> str:
    for number, line in enumerate(text.split("\n"), start=1):
        wrong = next((one for one in line if not _allowed(one)), None)
        if wrong is not None:
            message = f"the character U+{ord(wrong):04X} is not allowed in YAML; remove it"
            raise _error(f"{name}:{number}", message)
    return text


def _allowed(one: str) -> bool:
    """Return whether YAML allows a character (YAML 1.2.2, section 5.1)."""
    if one < " " or "\x7f" <= one <= "\x9f":
        return one in "\t\r\x85"
    return one not in "\ufffe\uffff"


def _error(where: str, message: str) -> RecipeError:
    return RecipeError([Problem(where, "", message)])
