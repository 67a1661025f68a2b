"""The files of a package: the names that it may have, their largest sizes, and the files that its card requires."""

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
"""Name -> most bytes, for every file that a package may have."""
MODULE_FILES: Mapping[str, int] = {
    README: MOST_TEXT,
    CONFIG: MOST_JSON,
    get("peft").file: MOST_TENSORS,
    adapterhub.WEIGHTS: MOST_TENSORS,
}
"""The same for a module without a card, in the layout of peft or of AdapterHub."""
OF_THE_HUB = ".gitattributes"
"""A file that the hub adds to every repository; it is ignored."""


def _listed(folder: Path, prefix: str, ignored: Collection[str], wrong: dict[str, str]) -> Iterator[tuple[str, int]]:
    """Yield name and bytes of the files that a package may have.

    Args:
        folder: The folder of the package, or `ADAPTERHUB` in it.
        prefix: The prefix of the names.
        ignored: Ordinary files that are ignored.
        wrong: Receives a message for each other file, by name.
    """
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
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
                    f"{printable(shortened(name))!r} is not a file of a package; use `layover pull`, which copies only "
                    "the files of a package"
                )


def sized(file: Path, most: int | None) -> int:
    """Return the number of bytes of an ordinary file, without opening it.

    Args:
        file: The file.
        most: The most bytes that it may have; None for no limit.

    Raises:
        ModelError: the path is not an ordinary file, or has more than `most` bytes.
    """
    size = plain_file(file).lstat().st_size
    if most is not None and size > most:
        raise ModelError(f"{file}: the file has {size} bytes; the limit for this file is {most}")
    return size


def needed(package: Package) -> set[str]:
    """Return the files that a package must have by its card; it may have no other file than these and a picture."""
    card, names = package.card, {README, CARD}
    also = card.layout == "peft" and any(name.startswith(f"{ADAPTERHUB}/") for name in card.files)
    hub = card.layout == "adapterhub" or also
    head = card.probe.outputs is not None
    if card.layout == "peft":
        names |= {CONFIG, get("peft").file}
    if card.layout == MODULE_LAYOUT:
        names.add(MODULE)
    if hub:
        names |= {f"{ADAPTERHUB}/{name}" for name in (CONFIG, adapterhub.WEIGHTS)}
    if head:
        names |= {heads.HEAD, heads.HEAD_CONFIG}
    if hub and head:
        names |= {f"{ADAPTERHUB}/{name}" for name in (heads.HEAD_CONFIG, heads.ADAPTERS_HEAD)}
    if package.mixer_shapes():
        names.add(MIXER)
    return names


def compared(package: Package) -> str:
    """Compare the files in a folder with the files on the card, in both directions, and return a text on the result.

    Raises:
        MistakesError: lists all missing files, and all other files and folders, links, and files that are too large.
            Pickles on the card may exist or not.
    """
    wrong: dict[str, str] = {}
    card, must = package.card, needed(package)
    sizes = dict(_listed(package.folder, "", card.pickles(), wrong))
    names, on_card = {*sizes, *wrong}, {*card.hashes(), README, CARD}
    for differing, reason in (
        (on_card - names, "is on the card, but not in the folder"),
        (names - on_card, "is in the folder, but not on the card"),
        (must - on_card, "is missing; the package of this card must have it"),
        (on_card - must - {PICTURE}, "is unexpected; the package of this card must not have it"),
    ):
        for name in sorted(differing):
            wrong.setdefault(name, f"{printable(name)} {reason}")
    if wrong:
        raise MistakesError(str(package.folder), list(wrong.values()))
    return f"{len(sizes)} files of {card.id}, {sum(sizes.values()):,} bytes"
