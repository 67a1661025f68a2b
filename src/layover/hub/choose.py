"""The choice of finished trainings to export: a cell by its label, a training by its key, or the best cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from layover.errors import LayoverError
from layover.identity import key_of
from layover.plan import Cell, Plan
from layover.plan.named import not_a_cell
from layover.plan.nodes import spec_at
from layover.plan.rounds import UNCHOSEN
from layover.report.rows import CellRow
from layover.specs import ModuleStep, OnEncoder
from layover.specs.score import ScoreSpec
from layover.store import Store

LONGEST = 75
"""Characters of a name from this module; a package's name may be longer, which leaves room for `-flat`."""


@dataclass(frozen=True)
class Wanted:
    """A package to write."""

    id: str
    key: str
    """The key of a training, or of a composition without training."""
    model: str
    """The label of the encoder in the recipe; the other fields are labels of the recipe, too."""
    method: str
    name: str
    """The task or mixture that it was trained on last."""
    seed: int
    cell: Cell | None
    """The cell that scores it; None for an intermediate."""
    best_of: int | None = None
    """The number of combinations of model, method and intermediate among which it has the highest score; None if the
    user named it."""


def identifier(*words: str) -> str:
    """Return words as the name of a package, `mini-stack-sandbox-nli-s1`: no slash, no dot, a letter first.

    A name longer than `LONGEST` ends in a hash of the words, so that two long names stay different.
    """
    joined = re.sub(r"[^A-Za-z0-9_]+", "-", "-".join(words)).strip("-")
    name = joined if joined[:1].isalpha() else f"m-{joined}"
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 9]}-{key_of(list(words))[:8]}"


def choose(plan: Plan, store: Store, wanted: Sequence[str]) -> list[Wanted]:
    """Return the requested packages, each once.

    Args:
        plan: The plan of the recipe.
        store: The store with its results.
        wanted: Labels of cells (`mini/stack/sandbox/nli/sandbox/ner/1`), or the first 8 or more digits of the key of a
            training.

    Raises:
        LayoverError: no cell or training, or more than one, has the name, or it is not finished.
    """
    return list(dict.fromkeys(_chosen(plan, store, text) for text in wanted))


def best_per_target(plan: Plan, rows: Sequence[CellRow], *, note: Callable[[str], None]) -> list[Wanted]:
    """Return for every trained target the cell with the highest score among the cells that can be exported.

    The best (model, method, intermediate) has the highest mean over its finished seeds; its first seed is exported.
    Means over different languages cannot be compared. So a cell is skipped if it lacks a score in a language that
    another cell of the target has a score in.

    Args:
        plan: The plan of the recipe.
        rows: The rows of its cells.
        note: Receives a sentence on each target whose cells are not all compared.

    Raises:
        LayoverError: no cell that can be exported is finished, or no target has a cell with all scores.
    """
    for pending in plan.pending:
        note(f"{pending.target}: not compared for the best cell: {pending.label} ({UNCHOSEN})")
    by_target: dict[str, list[_Candidate]] = {}
    for row in rows:
        cell, package = row.cell, _of_cell(plan, row.cell)
        if row.record is not None and row.value is not None and package is not None and not refuses(plan, package):
            scored = frozenset(row.record.scored())
            by_target.setdefault(cell.target, []).append(_Candidate(package, cell, row.value, scored))
    if not by_target:
        raise LayoverError("no cell that can be exported is finished, so there is no best cell; run the recipe first")
    best = [_best(_complete(target, candidates, note)) for target, candidates in by_target.items()]
    chosen = [package for package in best if package is not None]
    if not chosen:
        raise LayoverError(
            "no cell has a score in every language of its target, so there is no best cell; name the cells instead"
        )
    return chosen


@dataclass(frozen=True)
class _Candidate:
    """A finished cell that can be exported."""

    wanted: Wanted
    cell: Cell
    value: float
    languages: frozenset[str]
    """The languages that it is scored in."""


def _complete(target: str, candidates: Sequence[_Candidate], note: Callable[[str], None]) -> list[_Candidate]:
    """Return the candidates that are scored in every language in which any candidate is scored."""
    every = frozenset().union(*(candidate.languages for candidate in candidates))
    skipped = [
        f"{candidate.cell.label} (no score in {', '.join(sorted(every - candidate.languages))})"
        for candidate in candidates
        if candidate.languages != every
    ]
    if len(skipped) == len(candidates):
        note(f"{target}: nothing is exported, because no cell is scored in every language: {'; '.join(skipped)}")
    elif skipped:
        note(f"{target}: not compared for the best cell: {'; '.join(skipped)}")
    return [candidate for candidate in candidates if candidate.languages == every]


def _best(candidates: Sequence[_Candidate]) -> Wanted | None:
    """Return the first seed of the (model, method, intermediate) with the highest mean over its seeds."""
    groups: dict[tuple[str, str, str], list[_Candidate]] = {}
    for candidate in candidates:
        cell = candidate.cell
        groups.setdefault((cell.model, cell.method, cell.intermediate), []).append(candidate)
    if not groups:
        return None
    best = max(groups.values(), key=lambda members: fmean(member.value for member in members))
    return replace(best[0].wanted, best_of=len(groups) if len(groups) > 1 else None)


def refuses(plan: Plan, wanted: Wanted) -> str:
    """Return the reason why a finished training cannot be a package, or an empty text."""
    spec = spec_at(plan.nodes, wanted.key, ModuleStep)
    if "import" in {plan.nodes[key].kind for key in (wanted.key, spec.takes_head()) if key is not None}:
        return "the recipe trains neither its module nor its head; share the imported package instead"
    if spec.module.whole:
        return "it trains all weights of the encoder, but only modules are exported"
    if plan.recipe.methods[wanted.method].languages:
        return (
            "it uses language adapters, one for each language, which a package cannot contain; export a method "
            "without `languages`"
        )
    return ""


def learned_before(plan: Plan, wanted: Wanted) -> list[Wanted]:
    """Return the intermediates that stay separate modules in a training or a composition."""
    start = spec_at(plan.nodes, wanted.key, ModuleStep).start
    if start.composition is None or not start.composition.apart:
        return []
    first: dict[str, Wanted] = {}
    for candidate in _candidates(plan):
        first.setdefault(candidate.key, candidate)  # a training has one package, even if several methods share it
    return [first[learned.key] for learned in start.learned]


def _of_cell(plan: Plan, cell: Cell) -> Wanted | None:
    """Return the package of a cell, or None if the target has neither a head nor a training, as in retrieval."""
    scored = spec_at(plan.nodes, cell.score, ScoreSpec)
    if cell.train is None or scored.search is not None:
        return None
    words = [cell.model, cell.method, *([] if cell.intermediate == "none" else [cell.intermediate])]
    id_ = identifier(*words, cell.target, f"s{cell.seed}")
    return Wanted(id_, cell.train, cell.model, cell.method, cell.target, cell.seed, cell)


def _candidates(plan: Plan) -> Iterable[Wanted]:
    """Yield every package that a sweep can export, cells before intermediates."""
    yield from (package for cell in plan.cells if (package := _of_cell(plan, cell)) is not None)
    for cell in plan.cells:
        if cell.train is None:
            continue
        spec = spec_at(plan.nodes, cell.train, OnEncoder)
        learned = [(intermediate.name, intermediate.key) for intermediate in spec.start.learned]
        if _of_cell(plan, cell) is None and spec.trains:  # retrieval directly after an intermediate
            learned.append((cell.intermediate, cell.train))
        for name, key in learned:
            id_ = identifier(cell.model, cell.method, name, f"s{cell.seed}")
            yield Wanted(id_, key, cell.model, cell.method, name, cell.seed, None)


def _chosen(plan: Plan, store: Store, text: str) -> Wanted:
    labels = {cell.label: cell for cell in plan.cells}
    if text in labels:
        package = _of_cell(plan, labels[text])
        if package is None:
            raise LayoverError(
                f"{text}: nothing is trained for this target, so it has no module and no head of its own; export the "
                "intermediate by its key, see: layover plan --nodes"
            )
    elif re.fullmatch(r"[0-9a-f]{8,64}", text):
        by_key = {
            candidate.key: candidate
            for candidate in reversed(list(_candidates(plan)))
            if candidate.key.startswith(text)
        }
        if len(by_key) != 1:
            trainings = "several trainings of the recipe have" if by_key else "no training of the recipe has"
            raise LayoverError(f"{text}: {trainings} a key that begins with it; see: layover plan --nodes")
        (package,) = by_key.values()
    else:
        raise not_a_cell(plan, text)
    if not store.has(package.key):
        raise LayoverError(f"{text}: its training is not finished; run the recipe first")
    if package.cell is not None and not store.has(package.cell.score):
        raise LayoverError(f"{text}: its scores are not finished; run the recipe first")
    return package
