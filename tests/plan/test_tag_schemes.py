"""A declared scheme of tags is part of a key where it changes a score, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from layover.errors import RecipeError
from layover.plan import Plan

if TYPE_CHECKING:
    from tests.plan.conftest import World

TASK = """\
  tags: {kind: tagging, labels: [O, B-PER, I-PER, B-ORG, I-ORG], SETTINGS
         files: {train: tags/train.tsv, validation: tags/dev.tsv, test: {en: tags/dev.tsv}}}
"""


def planned(world: World, settings: str = "", *overrides: str) -> Plan:
    """Return the plan with more settings of the task."""
    path = world.root / "data" / "tags"
    path.mkdir(exist_ok=True)
    for name in ("train", "dev"):
        (path / f"{name}.tsv").write_text("a\tB-PER\nb\tI-PER\nc\tO\nd\tB-ORG\ne\tI-ORG\n", encoding="utf-8")

    def change(text: str) -> str:
        task = TASK.replace("SETTINGS", f"{settings}," if settings else "")
        text = text.replace("tasks:\n", f"tasks:\n{task}").replace("target: [moods]", "target: [tags]")
        return text.replace("intermediate: [none, claims]", "intermediate: [none, tags]")

    return world.plan(*overrides, change=change)


def of_kind(plan: Plan, kind: str) -> set[str]:
    return {key for key, node in plan.nodes.items() if node.kind == kind}


@pytest.mark.parametrize("settings", ["scheme: iob2", "scheme: iob1", "scheme: bioes", "outside: O", "outside: [O]"])
def test_what_is_found_anyway_changes_no_key(world: World, settings: str) -> None:
    assert set(planned(world, settings).nodes) == set(planned(world).nodes)


@pytest.mark.parametrize("settings", ["scheme: io", "scheme: bare", "scheme: xtreme"])
def test_what_changes_scores_changes_what_is_scored_and_selected_by_them(world: World, settings: str) -> None:
    before, after = planned(world), planned(world, settings)
    assert of_kind(before, "tokenize") == of_kind(after, "tokenize")
    for kind in ("train", "score"):
        assert of_kind(before, kind)
        assert not of_kind(before, kind) & of_kind(after, kind), kind


def test_without_a_selection_only_scores_change(world: World) -> None:
    plans = [planned(world, settings, "train.select=null") for settings in ("", "scheme: io")]
    trained, scored = ([of_kind(plan, kind) for plan in plans] for kind in ("train", "score"))
    assert trained[0] == trained[1]
    assert not scored[0] & scored[1]


def test_a_mixture_that_selects_by_other_scores_is_another(world: World) -> None:
    mixed = "mixtures={both: {tasks: [claims, tags]}}", "sweep.intermediate=[both]"
    plans = [planned(world, settings, *mixed, "sweep.method=[lora]") for settings in ("", "scheme: iob1", "scheme: io")]
    found = [{key for key in of_kind(plan, "train") if "tasks" in plan.nodes[key].spec.canonical()} for plan in plans]
    assert [len(keys) for keys in found] == [2, 2, 2]  # seeds
    assert found[0] == found[1]
    assert not found[0] & found[2]


def test_scores_of_words_alone_ask_for_no_scheme(world: World) -> None:
    plans = [planned(world, f"metrics: [token_accuracy]{more}") for more in ("", ", scheme: io")]
    assert set(plans[0].nodes) == set(plans[1].nodes)


def test_tags_that_do_not_fit_the_declared_scheme_are_no_plan(world: World) -> None:
    with pytest.raises(RecipeError, match=r"tasks\.tags\.scheme: the tags .* are not BMEWO"):
        planned(world, "scheme: bmewo")
