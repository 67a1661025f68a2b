"""Recipes of the project, changed at random: in their bytes, their YAML, their keys and values, by overrides."""

from __future__ import annotations

import copy
import json
import math
import random
from pathlib import Path
from typing import Any

from layover.recipe.file import read_source

ROOT = Path(__file__).resolve().parents[2]
RECIPES = tuple(sorted((ROOT / "recipes").rglob("*.yaml")))

PIECES = (
    "\t", "{", "}", "[", "]", ": ", ":", "- ", "? ", "#", "&a ", "*a", "*a ", "<<: *a", "<<: ", "!!omap ", "!!set ",
    "!!binary ", "!!int ", "!x ", "!", "%YAML 1.1\n---\n", "---\n", "...\n", "|\n", ">-\n", '"', "'", "\\", "@", "`",
    "~", "null: 1\n", "\r", "\r\n", "\x00", "\x07", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u202e", "\ufeff", "\ufffe",
    "é", "😀", '"\\ud800"', '"\\0"', "9" * 50, "1e999", ".nan", "-.inf", "0x", "1_0", "[" * 60, "{a: " * 60, "*" * 30,
)  # fmt: skip
"""Text that means something in YAML, or nothing anywhere."""

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 10**23, -(10**39), 2**63, 0.5, 1e308, -1e308, 1e-300, math.nan, math.inf, "", " ",
    "?", "none", "all", "x" * 5000, "../..", "/dev/zero", "/dev/null", "/", "~", "a\nb", "a\tb", "\u202ebidi",
    "{language}", "2026-01-31", "12GB", "1e5", "sandbox/nli", "xnli", "bert", "\x1b[31m", [], [[]], [None], [1, "a"],
    ["a", "a"], [{}], {}, {"": 1}, {"a": None}, {"name": 5}, {"module": "lora"}, {"train": "x"}, {"<<": 1},
    {"a": {"b": {"c": [1]}}}, list(range(1500)), ["sandbox/nli"] * 3, {"kind": "span", "files": {"train": "a"}},
    {"kind": "mlm"},
)  # fmt: skip
"""Values of every type, few of them right anywhere."""

KEYS = (
    "",
    "a",
    "name",
    "lr",
    "rank",
    "files",
    "kind",
    "__class__",
    "model_config",
    "0",
    "<<",
    "a.b",
    "a[0]",
    "é",
    "x" * 300,
)


def mutated(seed: int) -> tuple[bytes, list[str]]:
    """Return the content of a recipe file and overrides of it, the same for the same seed."""
    draw = random.Random(seed)  # noqa: S311 - the same for everybody
    recipe = draw.choice(RECIPES)
    overrides: list[str] = []
    kind = draw.choice(("text", "text", "lines", "bytes", "values", "values", "values", "overrides"))
    content = recipe.read_bytes()
    if kind == "text":
        content = _text(content.decode(), draw).encode()
    elif kind == "lines":
        content = _lines(content.decode(), draw).encode()
    elif kind == "bytes":
        content = _bytes(content, draw)
    elif kind == "values":
        values = copy.deepcopy(read_source(recipe).values)
        for _ in range(draw.randint(1, 4)):
            _change(values, draw)
        content = written(values).encode("utf-8", "surrogatepass")
    else:
        overrides = [_override(read_source(recipe).values, draw) for _ in range(draw.randint(1, 3))]
    return content, overrides


def _text(text: str, draw: random.Random) -> str:
    for _ in range(draw.randint(1, 3)):
        place = draw.randrange(len(text))
        end = min(len(text), place + draw.choice((0, 0, 1, 3, 20)))
        text = text[:place] + draw.choice((*PIECES, "")) + text[end:]
    return text


def _lines(text: str, draw: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    for _ in range(draw.randint(1, 3)):
        place, other = draw.randrange(len(lines)), draw.randrange(len(lines))
        what = draw.choice(("drop", "double", "swap", "indent", "dedent", "comment"))
        if what == "drop" and len(lines) > 1:
            del lines[place]
        elif what == "double":
            lines.insert(other, lines[place])
        elif what == "swap":
            lines[place], lines[other] = lines[other], lines[place]
        elif what == "indent":
            lines[place] = draw.choice((" ", "  ", "\t", "    ")) + lines[place]
        elif what == "dedent":
            lines[place] = lines[place].lstrip()
        else:
            lines[place] = "# " + lines[place]
    return "".join(lines)


def _bytes(content: bytes, draw: random.Random) -> bytes:
    what = draw.choice(("flip", "cut", "insert", "utf-16", "utf-32", "latin-1", "bom", "empty", "double"))
    place = draw.randrange(len(content))
    if what == "flip":
        return content[:place] + bytes([content[place] ^ (1 << draw.randrange(8))]) + content[place + 1 :]
    if what == "insert":
        return content[:place] + draw.choice((b"\xff", b"\xc3", b"\x00", b"\xed\xa0\x80", b"\xf5")) + content[place:]
    whole = {
        "cut": content[:place],
        "bom": b"\xef\xbb\xbf" + content,
        "empty": b"",
        "double": content + content,
        "latin-1": content + "# é\n".encode("latin-1"),
    }
    return whole[what] if what in whole else content.decode().encode(what)


def _places(values: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    items = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in items:
        found += _places(value, (*at, key))
    return found


def _holder(values: Any, path: tuple[Any, ...]) -> Any:
    for part in path[:-1]:
        values = values[part]
    return values


def _change(values: Any, draw: random.Random) -> None:
    """Change one value, or one key, of nested mappings and lists."""
    places = _places(values)
    if not places:
        return
    path = draw.choice(places)
    holder, key = _holder(values, path), path[-1]
    what = draw.choice(("set", "set", "set", "drop", "rename", "add", "wrap", "copy"))
    if what == "set":
        holder[key] = copy.deepcopy(draw.choice(VALUES))
    elif what == "drop":
        del holder[key]
    elif what == "rename" and isinstance(holder, dict):
        holder[draw.choice((*KEYS, key[:-1], key + "s"))] = holder.pop(key)
    elif what == "add" and isinstance(holder[key], dict):
        holder[key][draw.choice(KEYS)] = copy.deepcopy(draw.choice(VALUES))
    elif what == "wrap":
        holder[key] = draw.choice(([holder[key]], {"a": holder[key]}, [holder[key], holder[key]]))
    else:
        other = draw.choice(places)
        holder[key] = copy.deepcopy(_holder(values, other)[other[-1]])


def _override(values: Any, draw: random.Random) -> str:
    path = [str(part) for part in draw.choice(_places(values)) if not isinstance(part, int)]
    path = path[: draw.randint(1, len(path))] + draw.choice(([], [], [], [draw.choice(KEYS)]))
    value = draw.choice((written(draw.choice(VALUES)), draw.choice(PIECES), _text("[a, {b: 1}]", draw)))
    return draw.choice((".", ".", ".", "..")).join(path) + draw.choice(("=", "=", "=", "", "==")) + value


def written(value: Any) -> str:
    """Return nested mappings and lists as YAML, in a line for each key."""
    if isinstance(value, dict):
        return "{" + ",\n".join(f"{json.dumps(str(key))}: {written(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    return json.dumps(value)
