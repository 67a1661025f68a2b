"""Which finished work is exported: a cell by its label, a training by its key, or the best cell of every target."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from layover.errors import LayoverError, nearest
from layover.identity import key_of
from layover.plan import Cell, Plan
from layover.plan.nodes import spec_at
from layover.plan.rounds import UNCHOSEN
from layover.report.rows import CellRow
from layover.specs import ModuleStep, OnEncoder
from layover.specs.score import ScoreSpec
from layover.store import Store

LONGEST = 75
"""Characters of the names that are given here; what names of packages may have beyond is room for `-flat`."""


@dataclass(frozen=True)
class Wanted:
    """One package to be."""

    id: str
    key: str
    """Of a training, or of what was composed without one."""
    model: str
    """Label of the encoder in the recipe, as the rest."""
    method: str
    name: str
    """The task or mixture that it was trained on last."""
    seed: int
    cell: Cell | None
    """The cell that scores it; None for an intermediate."""
    best_of: int | None = None
    """Of how many combinations of model, method and intermediate it has the highest scores; None where a person named
    it."""


def identifier(*words: str) -> str:
    """Return words as the name of a package, `mini-stack-sandbox-nli-s1`: no slash, no dot, a letter first.

    A longer one than `LONGEST` ends in a hash of the words, so that two of them keep two names.
    """
    joined = re.sub(r"[^A-Za-z0-9_]+", "-", "-".join(words)).strip("-")
    name = joined if joined[:1].isalpha() else f"m-{joined}"
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 9]}-{key_of(list(words))[:8]}"


def choose(plan: Plan, store: Store, wanted: Sequence[str]) -> list[Wanted]:
    """Return what is asked for, each once.

    Args:
        plan: Of the recipe.
        store: Where it is finished.
        wanted: Labels of cells (`mini/stack/sandbox/nli/sandbox/ner/1`), or the first 8 or more digits of the key of a
            training.

    Raises:
        LayoverError: nothing, or more than one thing, is called so, or it is not finished.
    """
    return list(dict.fromkeys(_one(plan, store, text) for text in wanted))


def best_per_target(plan: Plan, rows: Sequence[CellRow], *, note: Callable[[str], None]) -> list[Wanted]:
    """Return for every target that is trained the cell with the highest score among those that can be exported.

    Of several seeds of the best (model, method, intermediate) by their mean, the first one. Where seeds are missing the
    means are of those that are finished. Means over different languages cannot be compared, so a cell is skipped if it
    has no score in a language that another cell of the target has a score in.

    Args:
        plan: Of the recipe.
        rows: Of its cells.
        note: Takes a sentence on each target whose cells are not all compared.

    Raises:
        LayoverError: no cell that can be exported is finished, or no target has a cell with all scores.
    """
    for pending in plan.pending:
        note(f"{pending.target}: not compared for the best: {pending.label} ({UNCHOSEN})")
    by_target: dict[str, list[_Candidate]] = {}
    for row in rows:
        cell, found = row.cell, _of_cell(plan, row.cell)
        if row.record is not None and row.value is not None and found is not None and not refuses(plan, found):
            scored = frozenset(row.record.scored())
            by_target.setdefault(cell.target, []).append(_Candidate(found, cell, row.value, scored))
    if not by_target:
        raise LayoverError("no cell that can be exported is finished, so none is best; run the recipe first")
    best = [_best(_complete(target, candidates, note)) for target, candidates in by_target.items()]
    chosen = [one for one in best if one is not None]
    if not chosen:
        raise LayoverError("no cell has a score in every language of its target, so none is best; name cells instead")
    return chosen


@dataclass(frozen=True)
class _Candidate:
    """A finished cell that can be exported."""

    wanted: Wanted
    cell: Cell
    value: float
    languages: frozenset[str]
    """Those that it is scored in."""


def _complete(target: str, candidates: Sequence[_Candidate], note: Callable[[str], None]) -> list[_Candidate]:
    """Return the candidates that are scored in every language that any of them is scored in."""
    every = frozenset().union(*(one.languages for one in candidates))
    skipped = [
        f"{one.cell.label} (no score in {', '.join(sorted(every - one.languages))})"
        for one in candidates
        if one.languages != every
    ]
    if len(skipped) == len(candidates):
        note(f"{target}: nothing is exported, no cell is scored in every language: {'; '.join(skipped)}")
    elif skipped:
        note(f"{target}: not compared for the best: {'; '.join(skipped)}")
    return [one for one in candidates if one.languages == every]


def _best(candidates: Sequence[_Candidate]) -> Wanted | None:
    """Return the first seed of the (model, method, intermediate) with the highest mean over its seeds."""
    groups: dict[tuple[str, str, str], list[_Candidate]] = {}
    for one in candidates:
        groups.setdefault((one.cell.model, one.cell.method, one.cell.intermediate), []).append(one)
    if not groups:
        return None
    best = max(groups.values(), key=lambda members: fmean(one.value for one in members))
    return replace(best[0].wanted, best_of=len(groups) if len(groups) > 1 else None)


def refuses(plan: Plan, one: Wanted) -> str:
    """Return why a finished training is no package; empty when it is."""
    spec = spec_at(plan.nodes, one.key, ModuleStep)
    if "import" in {plan.nodes[key].kind for key in (one.key, spec.takes_head()) if key is not None}:
        return "nothing in it was trained here, neither a module nor a head; share what was imported"
    if spec.module.whole:
        return "it trains all weights of the encoder; only modules are exported"
    if plan.recipe.methods[one.method].languages:
        return (
            "it acts on top of language adapters, one for each language, which a package cannot hold; export a method "
            "without `languages`"
        )
    return ""


def learned_before(plan: Plan, one: Wanted) -> list[Wanted]:
    """Return the intermediates that stay modules of their own in a training, or in what was composed."""
    start = spec_at(plan.nodes, one.key, ModuleStep).start
    if start.composition is None or not start.composition.apart:
        return []
    first: dict[str, Wanted] = {}
    for candidate in _candidates(plan):
        first.setdefault(candidate.key, candidate)  # one training has one package, whichever methods begin with it
    return [first[learned.key] for learned in start.learned]


def _of_cell(plan: Plan, cell: Cell) -> Wanted | None:
    """Return the package of a cell; None where the target has no head and no training of its own, as in retrieval."""
    scored = spec_at(plan.nodes, cell.score, ScoreSpec)
    if cell.train is None or scored.search is not None:
        return None
    words = [cell.model, cell.method, *([] if cell.intermediate == "none" else [cell.intermediate])]
    id_ = identifier(*words, cell.target, f"s{cell.seed}")
    return Wanted(id_, cell.train, cell.model, cell.method, cell.target, cell.seed, cell)


def _candidates(plan: Plan) -> Iterable[Wanted]:
    """Yield everything of a sweep that could be exported; cells before intermediates."""
    yield from (found for cell in plan.cells if (found := _of_cell(plan, cell)) is not None)
    for cell in plan.cells:
        if cell.train is None:
            continue
        spec = spec_at(plan.nodes, cell.train, OnEncoder)
        learned = [(one.name, one.key) for one in spec.start.learned]
        if _of_cell(plan, cell) is None and spec.trains:  # of retrieval, straight after an intermediate
            learned.append((cell.intermediate, cell.train))
        for name, key in learned:
            id_ = identifier(cell.model, cell.method, name, f"s{cell.seed}")
            yield Wanted(id_, key, cell.model, cell.method, name, cell.seed, None)


def _one(plan: Plan, store: Store, text: str) -> Wanted:
    labels = {cell.label: cell for cell in plan.cells}
    if text in labels:
        found = _of_cell(plan, labels[text])
        if found is None:
            raise LayoverError(
                f"{text}: nothing is trained for this target, so it has no module and no head of its own; export the "
                "intermediate by its key, see: layover plan --nodes"
            )
    elif re.fullmatch(r"[0-9a-f]{8,64}", text):
        by_key = {one.key: one for one in reversed(list(_candidates(plan))) if one.key.startswith(text)}
        if len(by_key) != 1:
            what = "several trainings" if by_key else "no training"
            raise LayoverError(f"{text}: {what} of the recipe have a key that begins so; see: layover plan --nodes")
        (found,) = by_key.values()
    elif text in {cell.label for cell in plan.pending}:
        raise LayoverError(f"{text}: {UNCHOSEN}; run the recipe first")
    else:
        raise LayoverError(f"{text!r} is no cell of the recipe; {nearest(text, labels)}")
    if not store.has(found.key):
        raise LayoverError(f"{text}: its training is not finished; run the recipe first")
    if found.cell is not None and not store.has(found.cell.score):
        raise LayoverError(f"{text}: its scores are not finished; run the recipe first")
    return found
