"""What of each target is scored: which split in which languages, and on what a threshold or a layer is chosen."""

from __future__ import annotations

from collections.abc import Mapping

from layover import kinds
from layover.errors import DataError
from layover.kinds._submission import mined
from layover.plan.data import DataRules, Portion
from layover.plan.evaluation import Evaluated
from layover.specs.score import NoAnswer
from layover.tasks import Task


def judged(rules: DataRules, task: Task) -> Evaluated:
    """Return what of a target is scored.

    Raises:
        DataError: there is nothing, or a threshold would be tuned, or a layer chosen, on what is scored without being
            asked to.
    """
    return answered(rules, task) if kinds.get(task.kind).trained else searched(rules, task)


def answered(rules: DataRules, task: Task) -> Evaluated:
    """Return what of a trained target is scored; see `judged`."""
    split, portions, absent = rules.evaluated(task)
    wanted, validation = rules.threshold(task, portions.values())
    metric, rule, tuning = rules.metric(task), None, dict[str, Portion]()
    if isinstance(wanted, float):
        rule = NoAnswer(metric, wanted, None, {})
    elif wanted is not None:
        rule = NoAnswer(metric, None, validation.language if validation else None, {}, wanted)
        tuning = dict(portions) if validation is None else dict.fromkeys(portions, validation)
    language = rules.train_language(task)
    return Evaluated(split, metric, portions, absent, tuning, source_language=language, no_answer=rule)


def searched(rules: DataRules, task: Task) -> Evaluated:
    """Return what of a target is searched.

    Raises:
        DataError: there is nothing, or the threshold would be tuned, or the layer chosen, on what is scored without
            being asked to.
    """
    split, portions, absent = rules.evaluated(task)
    search = rules.search(task)
    if not mined(task.columns):
        if rules.asks_threshold(task):
            raise DataError(f"{task.name}: no pairs are mined, so there is no threshold; leave retrieval.threshold out")
        search = search.model_copy(update={"threshold": None})
    tuning: Mapping[str, Portion] = {}
    if search.threshold == "scored":
        tuning = portions
    elif search.threshold == "validation":
        tuning = _validation(rules, task, portions, "the threshold cannot be tuned", "threshold")
        without = dict.fromkeys(portions.keys() - tuning.keys(), "no validation file to tune the threshold on")
        portions = {language: portion for language, portion in portions.items() if language in tuning}
        absent = {**absent, **without}
    choosing: Mapping[str, Portion] = {}
    if search.layer == "validation":
        choosing = _validation(rules, task, portions, "the layer cannot be chosen", "layer")
    return Evaluated(split, rules.metric(task), portions, absent, tuning, search=search, choosing=choosing)


def _validation(
    rules: DataRules, task: Task, scored: Mapping[str, Portion], what: str, setting: str
) -> dict[str, Portion]:
    """Return the validation data of the languages that have any, when something else is scored.

    Args:
        rules: The recipe's.
        task: The target.
        scored: Language -> the data that are scored.
        what: What is not possible without such data.
        setting: The key of `retrieval` by which one can do without them.
    """
    there = rules.tuning(task, scored)
    if any(rules.overlapping(portion, [scored[language]]) for language, portion in there.items()):
        raise DataError(
            f"{task.name}: the validation data are scored, so {what} on them unnoticed; score the test split, or ask "
            f"for it with retrieval.{setting}: scored, and the record will say so"
        )
    if not there:
        raise DataError(
            f"{task.name}: {what}, for there is no validation file in any of {', '.join(scored)}; name one with "
            f"tasks.{task.name}.files.validation, or use the scored split with retrieval.{setting}: scored"
        )
    return there
