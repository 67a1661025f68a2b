"""Installed packages that extend Layover: folders on the path, with what an installer writes of them."""

from __future__ import annotations

import importlib
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from layover import plugins

TOY = Path(__file__).parent / "toy"
NAME = "toy-plug"


def install(site: Path, version: str = "1.0") -> Path:
    """Install the toy in a version, as pip does with `--target`; return the folder."""
    project = tomllib.loads((TOY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shutil.copytree(TOY / "src", site, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for old in site.glob("*.dist-info"):
        shutil.rmtree(old)
    return describe(site, project["name"], version, project["entry-points"])


def describe(site: Path, name: str, version: str | None, entries: Mapping[str, Mapping[str, str]]) -> Path:
    """Write what an installer says of a package: its name, its version, and group -> name -> object."""
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    said = "" if version is None else f"Version: {version}\n"
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\n{said}", encoding="utf-8")
    lines = [
        line for group, those in entries.items() for line in (f"[{group}]", *(f"{k} = {v}" for k, v in those.items()))
    ]
    (folder / "entry_points.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")
    return site


def forget() -> None:
    """Look anew which plug-ins there are."""
    importlib.invalidate_caches()
    plugins.installed.cache_clear()
    for name in plugins.GROUPS.values():
        if (module := sys.modules.get(name)) is not None:
            module.names.cache_clear()
            module.get.cache_clear()
    if (formats := sys.modules.get("layover.data.formats")) is not None:
        formats.reads.cache_clear()


@contextmanager
def seen(site: Path) -> Iterator[Path]:
    """Put a folder on the path of this process for a while."""
    before = {*sys.modules}
    sys.path.insert(0, str(site))
    forget()
    try:
        yield site
    finally:
        sys.path.remove(str(site))
        for name in {*sys.modules} - before:
            file = getattr(sys.modules[name], "__file__", None)
            if file is not None and Path(file).is_relative_to(site):
                del sys.modules[name]
        forget()
