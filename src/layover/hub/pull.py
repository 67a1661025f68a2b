"""pull: a package from the hub, a folder or an archive, checked before it is kept; all that is asked for or nothing."""

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
    """What was pulled: a package, or a module without a card."""

    folder: Path
    where: str
    """Where it came from, with the commit of the hub."""
    commit: str | None
    verdict: Verdict | None
    """None for a module without a card, of which nothing can be checked but its form."""
    told: str
    """What it is, in a line."""
    left: tuple[str, ...]
    """Files that were not taken over."""
    new: bool = True
    """False where it was there already."""


def pull(source: str, to: Path, *, revision: str | None = None, others: Iterable[str] = ()) -> list[Pulled]:
    """Copy packages into a folder of packages, those that others need first, and return what was pulled.

    Args:
        source: A folder, a zip archive, `org/name` or `org/name@commit` of the hub.
        to: The folder of packages; made if it is not there.
        revision: Commit of a repository of the hub, or a branch.
        others: Sources of packages that it needs. Those that lie beside a folder are found there.

    Raises:
        LayoverError: a check failed, something needed is missing, or another thing lies where a package would go; then
            nothing was pulled.
    """
    made = not to.exists()
    to.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=to, prefix=".pull.") as temporary:
            work = Path(temporary)
            raw, ready = work / "raw", work / "ready"
            ready.mkdir()
            found = []
            for number, (one, commit) in enumerate([(source, revision), *((other, None) for other in others)]):
                place = raw / str(number)
                place.mkdir(parents=True)
                found += origins(one, commit, place)
            pulled = [_taken(one, ready) for one in _with_beside(found, to)]
            return [_kept(one, to) for one in _checked(_in_order(pulled), to)]
    except BaseException:
        if made and not any(to.iterdir()):
            to.rmdir()
        raise


def _with_beside(found: Sequence[Origin], to: Path) -> list[Origin]:
    """Add the packages that others need and that lie beside them, or are pulled already."""
    there, more = list(found), list(found)
    names = {read_card(one.folder).id for one in found if one.package}
    while more:
        one = more.pop()
        for name in read_card(one.folder).needed() if one.package else ():
            for parent in (one.folder.resolve().parent, to):
                if name not in names and (parent / name / CARD).is_file():
                    beside = Origin(parent / name, name, str(parent / name))
                    names.add(name)
                    there.append(beside)
                    more.append(beside)
    return there


def _taken(origin: Origin, ready: Path) -> Pulled:
    """Copy what belongs to a package, or to a module without a card, and say what it is."""
    card = read_card(origin.folder) if origin.package else None
    target = ready / (identifier(origin.name) if card is None else card.id)
    if target.exists():
        raise LayoverError(f"{target.name} would be pulled twice, the second time from {origin.where}")
    told = _module(origin) if card is None else printable(shortened(card.title, LONGEST_TITLE))
    left = take(origin.folder, target, FILES if origin.package else MODULE_FILES)
    return Pulled(target, origin.where, origin.commit, None, told, left if origin.commit is None else origin.left)


def _module(origin: Origin) -> str:
    """Return what a module without a card is, after its form was checked.

    Raises:
        ModelError: no layout knows it, it is there as a pickle only, or it is damaged.
    """
    folder = origin.folder
    if not is_there(folder / CONFIG):
        where = f"{origin.where}: neither {CARD} nor {CONFIG}: no package, and no module"
        raise ModelError(f"{where}{packages_below(folder) or f'; {layouts.instead(folder)}'}")
    layout = next((one for one in layouts.every() if one.recognises(folder)), None)
    if layout is None:
        known = ", ".join(one.describe for one in layouts.every())
        raise ModelError(f"{origin.where}: no module that Layover can read; it knows {known}")
    if not is_there(folder / layout.file):
        pickles = [name for name in origin.left if name.endswith((".bin", ".pt", ".pth"))]
        rest = f"; it has {printable(pickles[0])}, a pickle, which is neither fetched nor opened" if pickles else ""
        raise ModelError(f"{origin.where}: no {layout.file}{rest}")
    layout.checked(folder)
    count = len(header(folder / layout.file))
    for _ in each_tensor(folder / layout.file):
        pass  # that each is whole and finite
    values = read_json(folder / CONFIG)
    encoder = values.get("base_model_name_or_path") or values.get("model_name")
    named = f", for {printable(str(encoder)[:80])} by its own account" if encoder else ""
    fresh = untrained_file(folder)
    note = f"; note: {'an untrained module: ' * fresh.wholly}{fresh.message()}" if fresh.untouched else ""
    return f"a module in the layout of {layout.name}, {count} tensors{named}{note}"


def _in_order(pulled: Sequence[Pulled]) -> list[Pulled]:
    """Return packages with those that others need before them."""
    by_name = {one.folder.name: one for one in pulled}
    order: dict[str, Pulled] = {}

    def add(name: str, above: frozenset[str]) -> None:
        if name in order or name not in by_name:
            return
        if name in above:
            raise ModelError(f"{by_name[name].where}: {name} needs itself")
        one = by_name[name]
        for needed in read_card(one.folder).needed() if (one.folder / CARD).exists() else ():
            add(needed, above | {name})
        order[name] = one

    for name in by_name:
        add(name, frozenset())
    return list(order.values())


def _checked(pulled: Sequence[Pulled], to: Path) -> list[Pulled]:
    """Refuse them all where a check of one fails, or where one has no place."""
    found = []
    for one in pulled:
        target, package = to / one.folder.name, (one.folder / CARD).exists()
        new = not target.exists()
        if not new and not (package and (target / CARD).is_file() and read_card(target) == read_card(one.folder)):
            raise LayoverError(f"{target} exists and is something else; remove it, or use --to")
        verdict = None
        if package:
            verdict = verify(one.folder if new else target, checks=WITHOUT_ENCODER)
            if verdict.failed:
                raise LayoverError(f"{one.where}: not kept, for {verdict.refusal()}")
        found.append(replace(one, verdict=verdict, new=new))
    return found


def _kept(one: Pulled, to: Path) -> Pulled:
    target = to / one.folder.name
    if one.new:
        one.folder.rename(target)
    return replace(one, folder=target, verdict=one.verdict and replace(one.verdict, folder=target))
