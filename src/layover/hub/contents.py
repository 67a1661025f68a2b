"""Which files a package may have, how large each may be, and which of them a card asks for."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from layover.errors import MistakesError, ModelError, printable, shortened
from layover.files.safe import MOST_JSON, MOST_TENSORS, plain_file
from layover.layouts import CONFIG, adapterhub, get, heads
from layover.packages.card import ADAPTERHUB, CARD, MIXER, MODULE
from layover.packages.package import MODULE_LAYOUT, Package

README, PICTURE = "README.md", "results.png"
MOST_TEXT = 2**20
MOST_PICTURE = 8 * 2**20
FILES: Mapping[str, int] = {
    README: MOST_TEXT,
    PICTURE: MOST_PICTURE,
    CARD: MOST_JSON,
    CONFIG: MOST_JSON,
    get("peft").file: MOST_TENSORS,
    MODULE: MOST_TENSORS,
    MIXER: MOST_TENSORS,
    heads.HEAD: MOST_TENSORS,
    heads.HEAD_CONFIG: MOST_JSON,
    f"{ADAPTERHUB}/{CONFIG}": MOST_JSON,
    f"{ADAPTERHUB}/{adapterhub.WEIGHTS}": MOST_TENSORS,
    f"{ADAPTERHUB}/{heads.HEAD_CONFIG}": MOST_JSON,
    f"{ADAPTERHUB}/{heads.ADAPTERS_HEAD}": MOST_TENSORS,
}
"""Name -> most bytes: all that a package may have."""
MODULE_FILES: Mapping[str, int] = {
    README: MOST_TEXT,
    CONFIG: MOST_JSON,
    get("peft").file: MOST_TENSORS,
    adapterhub.WEIGHTS: MOST_TENSORS,
}
"""The same of a module without a card, in the layout of peft or of AdapterHub."""
OF_THE_HUB = ".gitattributes"
"""What the hub puts into every repository; it says nothing."""


def _listed(folder: Path, prefix: str, ignored: Collection[str], wrong: dict[str, str]) -> Iterator[tuple[str, int]]:
    """Yield the files that a package may have: name and bytes.

    Args:
        folder: Of the package, or `ADAPTERHUB` in it.
        prefix: Of the names.
        ignored: Ordinary files that are passed over.
        wrong: What no package has goes here, by name.
    """
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            name, path = f"{prefix}{entry.name}", Path(entry.path)
            if name == ADAPTERHUB and entry.is_dir(follow_symlinks=False):
                yield from _listed(path, f"{ADAPTERHUB}/", ignored, wrong)
            elif name in FILES or name in ignored:
                try:
                    size = sized(path, FILES.get(name))
                except ModelError as error:
                    wrong[name] = f"{name}: {str(error).removeprefix(f'{path}: ')}"
                else:
                    yield from [(name, size)] if name in FILES else ()
            elif name != OF_THE_HUB:
                wrong[name] = (
                    f"{printable(shortened(name))!r} is no file of a package; `layover pull` takes over those that "
                    "are, and leaves the rest"
                )


def sized(file: Path, most: int | None) -> int:
    """Return the bytes of an ordinary file.

    Args:
        file: Is looked at, and not opened.
        most: Bytes that it may have; any number when None.

    Raises:
        ModelError: it is none, or they are more than `most`.
    """
    size = plain_file(file).lstat().st_size
    if most is not None and size > most:
        raise ModelError(f"{file}: {size} bytes; such a file has at most {most}")
    return size


def needed(package: Package) -> set[str]:
    """Return the files that a package must have, by what its card says: no more than these and a picture."""
    card, found = package.card, {README, CARD}
    also = card.layout == "peft" and any(name.startswith(f"{ADAPTERHUB}/") for name in card.files)
    hub = card.layout == "adapterhub" or also
    head = card.probe.outputs is not None
    if card.layout == "peft":
        found |= {CONFIG, get("peft").file}
    if card.layout == MODULE_LAYOUT:
        found.add(MODULE)
    if hub:
        found |= {f"{ADAPTERHUB}/{name}" for name in (CONFIG, adapterhub.WEIGHTS)}
    if head:
        found |= {heads.HEAD, heads.HEAD_CONFIG}
    if hub and head:
        found |= {f"{ADAPTERHUB}/{name}" for name in (heads.HEAD_CONFIG, heads.ADAPTERS_HEAD)}
    if package.mixer_shapes():
        found.add(MIXER)
    return found


def compared(package: Package) -> str:
    """Return what was found when the files of a folder were held against those on the card, in both directions.

    Raises:
        MistakesError: with all that is missing, or too much; no package has other files or folders, links, or too
            large files. Pickles on the card do not count, whether they are there or not.
    """
    wrong: dict[str, str] = {}
    card, must = package.card, needed(package)
    there = dict(_listed(package.folder, "", card.pickles(), wrong))
    names, on_card = {*there, *wrong}, {*card.hashes(), README, CARD}
    for those, why in (
        (on_card - names, "is on the card, but not there"),
        (names - on_card, "is there, but not on the card"),
        (must - on_card, "is missing, by what the card says of the package"),
        (on_card - must - {PICTURE}, "is too much, by what the card says of the package"),
    ):
        for name in sorted(those):
            wrong.setdefault(name, f"{printable(name)} {why}")
    if wrong:
        raise MistakesError(str(package.folder), list(wrong.values()))
    return f"{len(there)} files of {card.id}, {sum(there.values()):,} bytes"
