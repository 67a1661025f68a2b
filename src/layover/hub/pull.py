"""Download of packages from the hub, a folder or an archive; all are checked and kept, or none."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from layover import layouts
from layover.errors import LayoverError, ModelError, printable, shortened
from layover.files.safe import each_tensor, header, is_there, read_json
from layover.hub.choose import identifier
from layover.hub.contents import FILES, MODULE_FILES
from layover.hub.sources import Origin, origins, take
from layover.hub.verify import WITHOUT_ENCODER, Verdict, verify
from layover.layouts import CONFIG
from layover.packages.card import CARD, packages_below, read_card
from layover.packages.untrained import untrained_file

LONGEST_TITLE = 300


@dataclass(frozen=True)
class Pulled:
    """A pulled package, or a pulled module without a card."""

    folder: Path
    where: str
    """Its source, with the commit of the hub."""
    commit: str | None
    verdict: Verdict | None
    """None for a module without a card, for which only the form can be checked."""
    description: str
    """A line that describes it."""
    left: tuple[str, ...]
    """Files of the source that were not copied."""
    new: bool = True
    """False if it existed before."""


def pull(source: str, to: Path, *, revision: str | None = None, others: Iterable[str] = ()) -> list[Pulled]:
    """Copy packages into a folder of packages, needed packages first, and return them.

    Args:
        source: A folder, a zip archive, `org/name` or `org/name@commit` of the hub.
        to: The folder of packages; created if it does not exist.
        revision: Commit of a repository of the hub, or a branch.
        others: Sources of packages that it needs. Needed packages next to a folder are copied without being named.

    Raises:
        LayoverError: a check failed, a needed package is missing, or the folder of a package is already used; then
            nothing is pulled.
    """
    made = not to.exists()
    to.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=to, prefix=".pull.") as temporary:
            work = Path(temporary)
            raw, ready = work / "raw", work / "ready"
            ready.mkdir()
            named = []
            for number, (name, commit) in enumerate([(source, revision), *((other, None) for other in others)]):
                place = raw / str(number)
                place.mkdir(parents=True)
                named += origins(name, commit, place)
            pulled = [_taken(origin, ready) for origin in _with_neighbours(named, to)]
            return [_kept(package, to) for package in _checked(_in_order(pulled), to)]
    except BaseException:
        if made and not any(to.iterdir()):
            to.rmdir()
        raise


def _with_neighbours(named: Sequence[Origin], to: Path) -> list[Origin]:
    """Return the origins and the needed packages that are next to them, or were pulled before."""
    every, more = list(named), list(named)
    names = {read_card(origin.folder).id for origin in named if origin.package}
    while more:
        origin = more.pop()
        for name in read_card(origin.folder).needed() if origin.package else ():
            for parent in (origin.folder.resolve().parent, to):
                if name not in names and (parent / name / CARD).is_file():
                    neighbour = Origin(parent / name, name, str(parent / name))
                    names.add(name)
                    every.append(neighbour)
                    more.append(neighbour)
    return every


def _taken(origin: Origin, ready: Path) -> Pulled:
    """Copy the files of a package, or of a module without a card, and return it with its description."""
    card = read_card(origin.folder) if origin.package else None
    target = ready / (identifier(origin.name) if card is None else card.id)
    if target.exists():
        raise LayoverError(f"{target.name} would be pulled twice, the second time from {origin.where}")
    description = _module(origin) if card is None else printable(shortened(card.title, LONGEST_TITLE))
    left = take(origin.folder, target, FILES if origin.package else MODULE_FILES)
    left = left if origin.commit is None else origin.left
    return Pulled(target, origin.where, origin.commit, None, description, left)


def _module(origin: Origin) -> str:
    """Return the description of a module without a card, after a check of its form.

    Raises:
        ModelError: no layout recognises it, it exists as a pickle only, or it is damaged.
    """
    folder = origin.folder
    if not is_there(folder / CONFIG):
        where = f"{origin.where}: no package and no module: neither {CARD} nor {CONFIG}"
        raise ModelError(f"{where}{packages_below(folder) or f'; {layouts.instead(folder)}'}")
    layout = next((layout for layout in layouts.every() if layout.recognises(folder)), None)
    if layout is None:
        known = ", ".join(layout.describe for layout in layouts.every())
        raise ModelError(f"{origin.where}: Layover cannot read the module; it reads {known}")
    if not is_there(folder / layout.file):
        pickles = [name for name in origin.left if name.endswith((".bin", ".pt", ".pth"))]
        rest = f"; it has {printable(pickles[0])}, a pickle, which is neither fetched nor opened" if pickles else ""
        raise ModelError(f"{origin.where}: {layout.file} is missing{rest}")
    layout.checked(folder)
    count = len(header(folder / layout.file))
    for _ in each_tensor(folder / layout.file):
        pass  # reading checks that each tensor is whole and finite
    values = read_json(folder / CONFIG)
    encoder = values.get("base_model_name_or_path") or values.get("model_name")
    named = f", for {printable(str(encoder)[:80])} by its own config" if encoder else ""
    fresh = untrained_file(folder)
    note = f"; note: {'the module is untrained: ' * fresh.wholly}{fresh.message()}" if fresh.untouched else ""
    return f"a module in the layout of {layout.name}, {count} tensors{named}{note}"


def _in_order(pulled: Sequence[Pulled]) -> list[Pulled]:
    """Return the packages, needed packages first."""
    by_name = {package.folder.name: package for package in pulled}
    order: dict[str, Pulled] = {}

    def add(name: str, above: frozenset[str]) -> None:
        if name in order or name not in by_name:
            return
        if name in above:
            raise ModelError(f"{by_name[name].where}: {name} needs itself")
        package = by_name[name]
        for needed in read_card(package.folder).needed() if (package.folder / CARD).exists() else ():
            add(needed, above | {name})
        order[name] = package

    for name in by_name:
        add(name, frozenset())
    return list(order.values())


def _checked(pulled: Sequence[Pulled], to: Path) -> list[Pulled]:
    """Return the packages with their verdicts.

    Raises:
        LayoverError: a check of a package fails, or its folder is already used.
    """
    checked = []
    for copy in pulled:
        target, has_card = to / copy.folder.name, (copy.folder / CARD).exists()
        new = not target.exists()
        if not new and not (has_card and (target / CARD).is_file() and read_card(target) == read_card(copy.folder)):
            raise LayoverError(f"{target} already exists and is something else; remove it, or use --to")
        verdict = None
        if has_card:
            verdict = verify(copy.folder if new else target, checks=WITHOUT_ENCODER)
            if verdict.failed:
                raise LayoverError(f"{copy.where} is not kept, because {verdict.refusal()}")
        checked.append(replace(copy, verdict=verdict, new=new))
    return checked


def _kept(pulled: Pulled, to: Path) -> Pulled:
    target = to / pulled.folder.name
    if pulled.new:
        pulled.folder.rename(target)
    return replace(pulled, folder=target, verdict=pulled.verdict and replace(pulled.verdict, folder=target))
