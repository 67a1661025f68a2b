"""Notes about rows: unused rows, languages of a file, and scored texts that were trained on."""

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
    """Return notes about the rows of a plan's data sets.

    Rows that the recipe itself removes (by a limit or a hold-out) get no note.
    """

    def counted(key: str) -> Counted | None:
        counts = _counted(surveys, spec_at(nodes, key, TokenizeSpec))
        if counts is None:
            return None
        left_out = _worth_a_note(counts.left_out)
        if key not in trained and _all_gold(surveys, spec_at(nodes, key, TokenizeSpec)):
            left_out = tuple(rows for rows in left_out if rows.reason != NO_GOLD.text)
        return replace(counts, left_out=left_out)

    trained = _trained(nodes)
    return _notes(nodes, counted)


def _all_gold(surveys: Surveys, data: TokenizeSpec) -> bool:
    """Return whether every used row has gold, although other rows of the file have none."""
    rows = lacking(data, surveys) if is_part(data) else None
    return rows is not None and not rows.count


def encoded(plan: Plan, meta: Meta) -> list[str]:
    """Return notes about the rows of encoded data that the notes of the plan do not contain yet.

    Args:
        plan: A plan with its own notes about rows.
        meta: Counts of an encoded data set; None until it is finished.
    """
    trained = _trained(plan.nodes)

    def counted(key: str) -> Counted | None:
        counts = meta(key)
        if counts is None:
            return None
        unlearnable = tuple(map(LeftOut.from_json, counts["unlearnable"])) if key in trained else ()
        rows, examples = counts["source_rows"], counts["examples"]
        if key not in plan.unread:
            return Counted(rows, examples, examples, unlearnable, {})  # the plan has notes about its gold
        left_out = _worth_a_note(map(LeftOut.from_json, counts["left_out"]))
        return Counted(rows, examples, counts["used"], (*left_out, *unlearnable), {})

    return _notes(plan.nodes, counted)


def unread(surveys: Surveys, nodes: Nodes) -> frozenset[str]:
    """Return the keys of data sets whose rows were not read yet."""
    return frozenset(node.key for node in of(nodes, TokenizeSpec) if _counted(surveys, node.spec) is None)


def _notes(nodes: Nodes, counts: Callable[[str], Counted | None]) -> list[str]:
    """Return the notes of all data sets whose counts are known."""
    trained = _trained(nodes)
    scored = {key for score in of(nodes, ScoreSpec) for _, key in score.spec.predictions.values()}
    lines: dict[str, None] = {}
    without_gold: dict[str, dict[str, None]] = {}
    absent: dict[str, str] = {}
    for node in of(nodes, TokenizeSpec):
        key, data = node.key, node.spec
        counted = counts(key)
        if counted is None:
            continue
        where = f"{data.task.name} {data.location.split}"
        if counted.examples and not counted.gold:
            without_gold.setdefault(where, {})[data.location.language] = None
            if hint := absent_gold(data.location):
                absent.setdefault(where, f" ({hint})")
            counted = Counted(0, 0, 0, (), counted.languages)
        use = "trained" if key in trained else "scored" if key in scored else "chosen by"
        lines |= dict.fromkeys(_of_one(data, counted, use))
    for where, languages in without_gold.items():
        lines[
            f"{where}: no row has gold in {' '.join(languages)}{absent.get(where, '')}; without gold there is no score"
        ] = None
    return list(lines)


def seen(surveys: Surveys, nodes: Nodes, leaves_out: Callable[[TokenizeSpec, str], bool]) -> list[str]:
    """Return a note with counts for every target whose scored texts also appear in its training data.

    Args:
        surveys: The surveys of this plan.
        nodes: The nodes of the plan.
        leaves_out: Returns whether training data are used without the texts of a target.
    """
    pairs = {
        (trained, score.spec.name, tuple(key for _, key in score.spec.predictions.values())): None
        for score in of(nodes, ScoreSpec)
        for trained in score.spec.training
    }
    lines: dict[str, None] = {}
    for key, target, scored in pairs:
        trained = spec_at(nodes, key, TokenizeSpec)
        if leaves_out(trained, target):
            continue
        sets = [spec_at(nodes, scored_key, TokenizeSpec) for scored_key in scored]
        known = [(data, counts) for data in sets if (counts := surveys.known_texts(data, trained)) is not None]
        where = f"in the training data of {trained.task.name}"
        if texts := _listed("texts", ((data, counts.inputs, counts.of_inputs) for data, counts in known)):
            lines[f"{target}: {texts} appear {where}"] = None
        if contexts := _listed("contexts", ((data, counts.contexts, counts.of_contexts) for data, counts in known)):
            lines[f"{target}: {contexts} appear {where}, with other questions"] = None
    return list(lines)


def _listed(noun: str, counts: Iterable[tuple[TokenizeSpec, int, int]]) -> str:
    """Return `2 of 2 test texts (en), 1 of 2 (sw)`, for every language with a count above 0."""
    parts: list[str] = []
    for data, count, total in counts:
        if count:
            words = f" {data.location.split} {noun}" if not parts else ""
            parts.append(f"{count} of {total}{words} ({data.location.language})")
    return ", ".join(parts)


def problems(recipe: Recipe, surveys: Surveys, nodes: Nodes) -> list[Problem]:
    """Return the problems of data sets at which a run would stop, with the task of the recipe that names them."""
    mistakes: dict[Problem, None] = {}
    for node in of(nodes, TokenizeSpec):
        data = node.spec
        place, location = recipe.place_of(data.task.name), data.location
        counted = _counted(surveys, data)
        if counted is not None and counted.problem and location.files():
            where = f"{location.split} {location.language}"
            mistakes[recipe.source.problem(place, f"{where} cannot be read: {counted.problem}")] = None
        if message := surveys.unscorable(data):
            mistakes[recipe.source.problem(place, message)] = None
        if message := surveys.left_nothing(data):
            mistakes[recipe.source.problem((*place, "holdout"), message)] = None
    return list(mistakes)


def _of_one(data: TokenizeSpec, counted: Counted, use: str) -> list[str]:
    """Return the notes of one data set.

    Args:
        data: Its specification.
        counted: Its counts, with the reasons that need a note.
        use: `trained`, `scored` or `chosen by` (it chooses weights or a threshold).
    """
    where = f"{data.task.name} {data.location.split} {data.location.language}"
    if counted.problem:  # a file of the hub's local cache; a user's file that cannot be read is an error of the plan
        return [f"{where}: cannot be read, so a run stops there: {counted.problem}"]
    lines = []
    for left_out in counted.left_out:
        reason = left_out.reason
        if reason in NOTED:
            lines.append(f"{where}: {reason}: {left_out.count} (first {left_out.first}); {NOTED[reason]}")
            continue
        rows, first = f"{left_out.count} of {counted.rows} rows", f"(first {left_out.first})"
        if left_out.sort == "kept":
            lines.append(f"{where}: {rows} are {reason} {first}")
        elif use == "trained" or reason != NO_GOLD.text:
            learned = "trained on" if use == "trained" else "used"
            lines.append(f"{where}: {rows} are not {learned}: {reason} {first}")
        else:
            effect = ", so the language has no score" if use == "scored" else ""
            lines.append(f"{where}: {rows} have no gold {first}{effect}")
    several = language_notes(counted.languages, data.task.name, data.location.language)
    return lines + [f"{where}: {line}" for line in several]


def _counted(surveys: Surveys, data: TokenizeSpec) -> Counted | None:
    return surveys.counted(data.task, data.location)


def _worth_a_note(left_out: Iterable[LeftOut]) -> tuple[LeftOut, ...]:
    return tuple(rows for rows in left_out if rows.sort == "lost" or rows.reason in NOTED)


def _trained(nodes: Nodes) -> set[str]:
    """Return the keys of the training data."""
    return {key for node in nodes.values() for key in node.spec.learns_from()}
