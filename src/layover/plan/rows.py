"""Notes about rows: which of them are not used, which languages a file holds, which scored texts were trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from layover.data.tally import NO_GOLD, NOTED, LeftOut, language_notes
from layover.errors import Problem
from layover.plan.gold import is_part, lacking
from layover.plan.nodes import Meta, Nodes, Plan, of, spec_at
from layover.plan.surveys import Counted, Surveys
from layover.recipe import Recipe
from layover.specs.score import ScoreSpec
from layover.specs.tokenize import TokenizeSpec
from layover.tasks import absent_gold


def notes(surveys: Surveys, nodes: Nodes) -> list[str]:
    """Return what a reader must know about the rows of a plan's data sets.

    Rows that the recipe itself leaves out (a limit, a hold-out) are not told again.
    """

    def counted(key: str) -> Counted | None:
        found = _counted(surveys, spec_at(nodes, key, TokenizeSpec))
        if found is None:
            return None
        told = _worth_a_note(found.left_out)
        if key not in trained and _all_gold(surveys, spec_at(nodes, key, TokenizeSpec)):
            told = tuple(one for one in told if one.reason != NO_GOLD.text)
        return replace(found, left_out=told)

    trained = _trained(nodes)
    return _told(nodes, counted)


def _all_gold(surveys: Surveys, data: TokenizeSpec) -> bool:
    """Return whether every row that is used has gold, though others of the file have none."""
    found = lacking(data, surveys) if is_part(data) else None
    return found is not None and not found.count


def encoded(plan: Plan, meta: Meta) -> list[str]:
    """Return what a reader must know about the rows of data that are encoded, and that the plan itself did not know.

    Args:
        plan: With its own notes about rows.
        meta: Counts of an encoded data set; None where it is not finished.
    """
    trained = _trained(plan.nodes)

    def counted(key: str) -> Counted | None:
        found = meta(key)
        if found is None:
            return None
        beside = tuple(map(LeftOut.from_json, found["unlearnable"])) if key in trained else ()
        rows, examples = found["source_rows"], found["examples"]
        if key not in plan.unread:
            return Counted(rows, examples, examples, beside, {})  # its gold is told already
        return Counted(
            rows, examples, found["used"], (*_worth_a_note(map(LeftOut.from_json, found["left_out"])), *beside), {}
        )

    return _told(plan.nodes, counted)


def unread(surveys: Surveys, nodes: Nodes) -> frozenset[str]:
    """Return the keys of data sets of which nothing is known yet."""
    return frozenset(node.key for node in of(nodes, TokenizeSpec) if _counted(surveys, node.spec) is None)


def _told(nodes: Nodes, counts: Callable[[str], Counted | None]) -> list[str]:
    """Return the notes of all data sets whose counts are known."""
    trained = _trained(nodes)
    scored = {key for score in of(nodes, ScoreSpec) for _, key in score.spec.predictions.values()}
    found: dict[str, None] = {}
    blind: dict[str, dict[str, None]] = {}
    absent: dict[str, str] = {}
    for node in of(nodes, TokenizeSpec):
        key, data = node.key, node.spec
        counted = counts(key)
        if counted is None:
            continue
        where = f"{data.task.name} {data.location.split}"
        if counted.examples and not counted.gold:
            blind.setdefault(where, {})[data.location.language] = None
            if hint := absent_gold(data.location):
                absent.setdefault(where, f" ({hint})")
            counted = Counted(0, 0, 0, (), counted.languages)
        use = "trained" if key in trained else "scored" if key in scored else "chosen by"
        found |= dict.fromkeys(_of_one(data, counted, use))
    for where, languages in blind.items():
        found[
            f"{where}: no row has gold in {' '.join(languages)}{absent.get(where, '')}; there is no score without"
        ] = None
    return list(found)


def seen(surveys: Surveys, nodes: Nodes, leaves_out: Callable[[TokenizeSpec, str], bool]) -> list[str]:
    """Return a note for every target of whose scored texts some stand in what was trained for it, with their counts.

    Args:
        surveys: Of this plan.
        nodes: Of the plan.
        leaves_out: Whether training data go without the texts of a target.
    """
    asked = {
        (trained, score.spec.name, tuple(key for _, key in score.spec.predictions.values())): None
        for score in of(nodes, ScoreSpec)
        for trained in score.spec.training
    }
    found: dict[str, None] = {}
    for key, target, scored in asked:
        trained = spec_at(nodes, key, TokenizeSpec)
        if leaves_out(trained, target):
            continue
        data = [spec_at(nodes, one, TokenizeSpec) for one in scored]
        known = [(one, counts) for one in data if (counts := surveys.known_texts(one, trained)) is not None]
        where = f"in the training data of {trained.task.name}"
        if texts := _listed("texts", ((one, counts.inputs, counts.of_inputs) for one, counts in known)):
            found[f"{target}: {texts} stand {where}"] = None
        if contexts := _listed("contexts", ((one, counts.contexts, counts.of_contexts) for one, counts in known)):
            found[f"{target}: {contexts} stand {where}, with other questions"] = None
    return list(found)


def _listed(what: str, counts: Iterable[tuple[TokenizeSpec, int, int]]) -> str:
    """Return `2 of 2 test texts (en), 1 of 2 (sw)`, for every language of which there are some."""
    found: list[str] = []
    for one, count, total in counts:
        if count:
            words = f" {one.location.split} {what}" if not found else ""
            found.append(f"{count} of {total}{words} ({one.location.language})")
    return ", ".join(found)


def problems(recipe: Recipe, surveys: Surveys, nodes: Nodes) -> list[Problem]:
    """Return why a run would stop at a data set, with the task of the recipe that names it."""
    found: dict[Problem, None] = {}
    for node in of(nodes, TokenizeSpec):
        data = node.spec
        place, location = recipe.place_of(data.task.name), data.location
        counted = _counted(surveys, data)
        if counted is not None and counted.problem and location.files():
            where = f"{location.split} {location.language}"
            found[recipe.source.problem(place, f"{where} cannot be read: {counted.problem}")] = None
        if message := surveys.unscorable(data):
            found[recipe.source.problem(place, message)] = None
        if message := surveys.left_nothing(data):
            found[recipe.source.problem((*place, "holdout"), message)] = None
    return list(found)


def _of_one(data: TokenizeSpec, counted: Counted, use: str) -> list[str]:
    """Return the notes of one data set.

    Args:
        data: Which it is.
        counted: Its numbers, with the reasons that are to be told.
        use: `trained`, `scored` or `chosen by`: weights or a threshold.
    """
    where = f"{data.task.name} {data.location.split} {data.location.language}"
    if counted.problem:  # of the local cache of the hub: files of the user are refused
        return [f"{where}: cannot be read, so a run stops there: {counted.problem}"]
    found = []
    for one in counted.left_out:
        if one.reason in NOTED:
            found.append(f"{where}: {one.reason}: {one.count} (first {one.first}); {NOTED[one.reason]}")
            continue
        rows, first = f"{one.count} of {counted.rows} rows", f"(first {one.first})"
        if one.sort == "kept":
            found.append(f"{where}: {rows} are {one.reason} {first}")
        elif use == "trained" or one.reason != NO_GOLD.text:
            learned = "trained on" if use == "trained" else "used"
            found.append(f"{where}: {rows} are not {learned}: {one.reason} {first}")
        else:
            so = ", so the language has no score" if use == "scored" else ""
            found.append(f"{where}: {rows} have no gold {first}{so}")
    several = language_notes(counted.languages, data.task.name, data.location.language)
    return found + [f"{where}: {line}" for line in several]


def _counted(surveys: Surveys, data: TokenizeSpec) -> Counted | None:
    return surveys.counted(data.task, data.location)


def _worth_a_note(left_out: Iterable[LeftOut]) -> tuple[LeftOut, ...]:
    return tuple(one for one in left_out if one.sort == "lost" or one.reason in NOTED)


def _trained(nodes: Nodes) -> set[str]:
    """Return the keys of the data that are trained on."""
    return {key for node in nodes.values() for key in node.spec.learns_from()}
