"""Plans of lists of intermediates, and of what is composed without a training on top."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from layover.errors import RecipeError

if TYPE_CHECKING:
    from tests.plan.conftest import World

    from layover.plan import Cell, Node, Plan

DECLARED = "{{kind: classification, labels: [{}], text: [text], label: label, files: {{train: {}/en.jsonl, "
DECLARED += "validation: {}/dev.jsonl, test: {{en: {}/en.jsonl}}}}}}"
TASKS = (
    "tasks.news=" + DECLARED.format("no, yes", "claims", "claims", "moods"),
    "tasks.signs=" + DECLARED.format("a, b", "signs", "signs", "signs"),
    "tasks.pairs={kind: retrieval, text: [text, label], files: {test: {sw: claims/sw.jsonl}}}",
)
LIST = "sweep.intermediate=[none, claims, [claims, news]]"


def narrow(method: str, *more: str, intermediate: str = LIST, target: str = "[moods]") -> tuple[str, ...]:
    """Return overrides to a sweep of one method, one seed."""
    fixed = ("sweep.method=[one]", "sweep.exclude=[]", "sweep.seed=[1]", f"sweep.target={target}")
    return (*TASKS, *fixed, intermediate, f"methods.one={method}", *more)


def method(compose: str, module: str = "lora, rank: 4") -> str:
    return f"{{module: {module}, lr: 4e-4, compose: {compose}}}"


def listed(names: str) -> tuple[str, ...]:
    return narrow(method("stack"), intermediate=f"sweep.intermediate=[[{names}]]")


def cell(plan: Plan, intermediate: str, target: str = "moods") -> Cell:
    (found,) = (one for one in plan.cells if (one.intermediate, one.target) == (intermediate, target))
    return found


def trained(plan: Plan, intermediate: str, target: str = "moods") -> Node:
    return plan.nodes[cell(plan, intermediate, target).train or ""]


@pytest.mark.parametrize("compose", ["stack", "merge", "{name: merge, method: ties}", "route"])
def test_a_list_is_learned_one_by_one_and_shared(world: World, compose: str) -> None:
    plan = world.plan(*narrow(method(compose)))
    alone, both = trained(plan, "claims"), trained(plan, "claims+news")
    keys = both.spec.canonical()["intermediate"]
    assert alone.spec.canonical()["intermediate"] in keys
    assert len(keys) == 2
    assert set(keys) <= set(both.needs)
    labels = {plan.nodes[key].label for key in keys}
    assert labels == {"train claims tiny/one seed 1", "train news tiny/one seed 1"}
    # nothing of it depends on the name of the method, or of the tasks
    other = world.plan(*narrow(method(compose)), change=lambda text: text.replace("name: test", "name: other"))
    assert trained(other, "claims+news").key == both.key


def test_the_order_of_a_list_matters_only_in_a_stack_of_bottlenecks(world: World) -> None:
    def key(compose: str, module: str, names: str) -> str:
        plan = world.plan(*narrow(method(compose, module), intermediate=f"sweep.intermediate=[[{names}]]"))
        return trained(plan, names.replace(", ", "+")).key

    for compose, module, same in [
        ("stack", "lora", True),
        ("merge", "lora", True),
        ("{name: merge, weights: {claims: 0.3, news: 0.7}}", "lora", True),
        ("route", "bottleneck", True),
        ("stack", "bottleneck", False),
    ]:
        assert (key(compose, module, "claims, news") == key(compose, module, "news, claims")) is same, compose


def test_weights_go_with_their_intermediates(world: World) -> None:
    weights = "{name: merge, weights: {claims: 0.3, news: 0.7}}"
    plan = world.plan(*narrow(method(weights), intermediate="sweep.intermediate=[[claims, news]]"))
    node = trained(plan, "claims+news")
    identity = node.spec.canonical()
    found = {
        plan.nodes[key].label: weight
        for key, weight in zip(identity["intermediate"], identity["compose"]["weights"], strict=True)
    }
    assert found == {"train claims tiny/one seed 1": 0.3, "train news tiny/one seed 1": 0.7}
    turned = "{name: merge, weights: {claims: 0.7, news: 0.3}}"
    other = world.plan(*narrow(method(turned), intermediate="sweep.intermediate=[[claims, news]]"))
    assert trained(other, "claims+news").key != node.key


def test_gates_are_trained_once_per_intermediate(world: World) -> None:
    plan = world.plan(*narrow(method("route")))
    gates = [node for node in plan.nodes.values() if node.kind == "gate"]
    assert sorted(node.label for node in gates) == [
        "train gates of claims tiny/one seed 1",
        "train gates of news tiny/one seed 1",
    ]
    node = trained(plan, "claims+news")
    assert set(node.spec.canonical()["gates"]) == {gate.key for gate in gates}
    for gate in gates:
        assert gate.spec.canonical()["train"] in gate.needs
    (prediction,) = (one for one in plan.nodes.values() if one.kind == "predict" and one.spec.train == node.key)
    assert {*node.spec.canonical()["intermediate"], *node.spec.canonical()["gates"]} <= set(prediction.needs)
    assert not [
        one for one in world.plan(*narrow(method("{name: route, router: arrow}"))).nodes.values() if one.kind == "gate"
    ]


def test_nothing_on_top_takes_the_first_head_that_fits(world: World) -> None:
    direct = method("{name: merge, on_top: none}")
    plan = world.plan(*narrow(direct, intermediate="sweep.intermediate=[none, [signs, news]]", target="[moods, signs]"))
    node = trained(plan, "signs+news")
    assert node.kind == "compose"
    assert plan.nodes[node.spec.canonical()["head"]].label == "train news tiny/one seed 1"
    assert cell(plan, "signs+news").baseline is None, "there is nothing like it without an intermediate"
    left_out = [note for note in plan.notes if "left out" in note]
    assert left_out == [
        "one: 2 cells left out: nothing is trained, and without an intermediate there is no head",
    ]
    alone = narrow(direct, intermediate="sweep.intermediate=[signs]")
    with pytest.raises(
        RecipeError, match="no cell is left: nothing is trained on top, and no head of the intermediates"
    ):
        world.plan(*alone)


def test_a_target_that_nothing_trains_needs_no_training_data(world: World) -> None:
    files = "tasks.moods.files={test: {en: moods/en.jsonl}}"
    overrides = narrow(method("{name: stack, on_top: none}"), files, intermediate="sweep.intermediate=[claims]")
    plan = world.plan(*overrides)
    assert not [note for note in plan.notes if "moods" in note]
    with pytest.raises(RecipeError, match="no train data for en"):
        world.plan(*narrow(method("stack"), files, intermediate="sweep.intermediate=[claims]"))


def test_zero_shot_is_from_the_language_of_the_head(world: World) -> None:
    german = TASKS[0].replace("tasks.news={", "tasks.nachrichten={train_language: de, ")
    several = "sweep.intermediate=[[signs, nachrichten]]"
    direct = narrow(method("{name: merge, on_top: none}"), german, intermediate=several)
    plan = world.plan(*direct)
    (found,) = plan.cells
    assert plan.nodes[found.score].spec.source_language == "de"
    assert plan.nodes[found.score].spec.canonical()["source_language"] == "de"


def test_gates_are_named_by_their_settings_once(world: World) -> None:
    def key(compose: str) -> str:
        return trained(world.plan(*narrow(method(compose))), "claims+news").key

    assert (
        key("route") == key("{name: route, gates: {}}") == key("{name: route, gates: {steps: 100, lr: 5e-3}, top_k: 2}")
    )
    assert key("route") != key("{name: route, gates: {steps: 101}}")
    alone = world.plan(*narrow(method("route"), intermediate="sweep.intermediate=[claims]"))
    assert not [node for node in alone.nodes.values() if node.kind == "gate"], "of one all tokens go to it"


def test_what_is_trained_on_top_may_have_its_own_learning_rate(world: World) -> None:
    usual = world.plan(*narrow(method("{name: merge, on_top: head}")))
    plan = world.plan(*narrow(method("{name: merge, on_top: head, lr: 1e-3}")))
    own, shared = (trained(one, "claims+news").spec.canonical() for one in (plan, usual))
    assert own["lr"] == 1e-3
    assert shared["lr"] == 4e-4
    assert own["intermediate"] == shared["intermediate"]


def test_a_head_on_top_is_compared_with_a_head_alone(world: World) -> None:
    plan = world.plan(*narrow(method("{name: merge, on_top: head}")))
    assert trained(plan, "claims+news").spec.canonical()["module"] == {"name": "none"}
    assert trained(plan, "none").spec.canonical()["module"] == {"name": "none"}
    assert trained(plan, "claims").spec.canonical()["intermediate"] is not None


def test_targets_without_training_hang_on_what_is_composed(world: World) -> None:
    overrides = narrow(method("merge"), target="[pairs]")
    plan = world.plan(*overrides)
    both, alone = trained(plan, "claims+news", "pairs"), trained(plan, "claims", "pairs")
    assert (both.kind, alone.kind) == ("compose", "compose")  # one may be trimmed and weighted, too
    assert both.spec.canonical()["head"] is None
    on_top = world.plan(*narrow(method("{name: merge, on_top: head}"), target="[pairs]"))
    assert trained(on_top, "claims+news", "pairs").key == both.key
    stacked = world.plan(*narrow(method("stack"), target="[pairs]"))
    assert trained(stacked, "claims", "pairs").kind == "train"
    assert trained(stacked, "claims+news", "pairs").kind == "compose"


def test_warm_leaves_lists_out_and_says_so(world: World) -> None:
    several = (*TASKS, LIST, "sweep.method=[lora, stack]", "sweep.exclude=[]", "sweep.seed=[1]")
    plan = world.plan(*several)
    assert {one.method for one in plan.cells if one.intermediate == "claims+news"} == {"stack"}
    assert (
        "lora: 1 cells left out: warm takes one intermediate, but these are several that were learned separately"
        in plan.notes
    )


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (narrow("{module: lora}"), "composes separately learned modules; add one with compose: "),
        (listed("claims, clams"), "unknown task 'clams'; did you mean 'claims'"),
        (listed("claims, claims"), "'claims' appears twice in this list"),
        (listed("claims, none"), "'none' cannot be in a list"),
        (listed("claims"), "a list needs at least two intermediates; write claims"),
        (narrow(method("[merge]")), "['merge'] is not a composition; write its name, or {name: merge, method: ties}"),
        (narrow(method("{name: fuse, mixer: gatd}")), "compose.mixer: 'gatd' is not a learned mixer; did"),
        (narrow(method("{name: route, router: arow}")), "compose.router: 'arow' is not a router; did"),
        (narrow(method("{method: ties}")), "has no name; write {name: X, ...}"),
        (narrow(method("{name: merge, methd: ties}")), "methods.one.compose.methd: unknown key; did you mean 'method'"),
        (narrow(method("{name: merge, method: tis}")), "'tis' is not a valid value; did you mean 'ties'"),
        (narrow(method("{name: mrge}")), "unknown composition 'mrge'; did you mean 'merge'"),
        (narrow(method("merge", "bottleneck")), "merge does not work with bottleneck: it is not a linear change"),
        (narrow(method("{name: merge, weights: {claims: 1.0, nws: 1.0}}")), "no weight for 'news'; did you mean 'nws'"),
    ],
)  # fmt: skip
def test_mistakes(world: World, overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        world.plan(*overrides)
    assert message in str(caught.value)
    if "nws" not in message:  # that misses one name and has another too many
        assert len(caught.value.problems) == 1, caught.value


def test_weights_name_intermediates_of_the_sweep(world: World) -> None:
    def change(text: str) -> str:
        weights = "{module: lora, compose: {name: merge, weights: {claims: 0.5, clams: 0.5}}, lr: 4e-4, rank: 4}"
        return text.replace("{module: lora, compose: stack, lr: 4e-4, rank: 4}", weights)

    with pytest.raises(
        RecipeError, match=r"compose.weights.clams: 'clams' is not an intermediate of the sweep; did you mean"
    ):
        world.plan(change=change)
    world.plan("sweep.intermediate=[claims]", change=lambda text: change(text).replace("clams", "moods"))
