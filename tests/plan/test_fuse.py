"""Plans of fused intermediates: what trains, at which rate, and what their order decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layover.estimates.cost import estimate
from layover.plan import Cell, Plan
from layover.plan.nodes import spec_at
from layover.specs.train import TrainSpec

if TYPE_CHECKING:
    from tests.plan.conftest import World

OTHER = (
    "tasks.other={kind: classification, labels: [no, yes], text: [text], label: label, "
    "files: {train: claims/en.jsonl, validation: claims/dev.jsonl}}"
)
FUSE = "methods.fuse={module: lora, lr: 4e-4, rank: 4, compose: {name: fuse, mixer: low_rank, lr: 5e-5"
SWEEP = ("sweep.method=[lora, fuse]", "sweep.exclude=[{method: lora, intermediate: claims+other}]", "sweep.seed=[1]")


def plan_of(world: World, *overrides: str, fuse: str = "", lists: str = "[claims, other]") -> Plan:
    swept = f"sweep.intermediate=[none, claims, {lists}]"
    return world.plan(OTHER, f"{FUSE}{fuse}}}}}", *SWEEP, swept, *overrides)


def cell_of(plan: Plan, method: str, intermediate: str) -> Cell:
    return next(cell for cell in plan.cells if (cell.method, cell.intermediate) == (method, intermediate))


def test_only_the_mixer_trains_at_a_rate_of_its_own(world: World) -> None:
    plan = plan_of(world)
    for intermediate, names in (("claims", ["claims"]), ("claims+other", ["claims", "other"])):
        spec = spec_at(plan.nodes, cell_of(plan, "fuse", intermediate).train, TrainSpec)
        assert spec.module.name == "none"
        assert spec.hyperparameters.lr == 5e-5
        assert sorted(one.name for one in spec.start.learned) == names
    alone = cell_of(plan, "fuse", "none")
    assert alone.train == cell_of(plan, "lora", "none").train
    assert plan.nodes[alone.train].spec.hyperparameters.lr == 4e-4
    assert cell_of(plan, "fuse", "claims").baseline == alone.score
    own = plan_of(world, fuse=", own: true")
    assert own.nodes[cell_of(own, "fuse", "claims").train].spec.module.name == "lora"


def test_the_order_of_a_list_decides_nothing(world: World) -> None:
    plan = plan_of(world)
    other = plan_of(world, "sweep.exclude=[{method: lora, intermediate: other+claims}]", lists="[other, claims]")
    one, again = cell_of(plan, "fuse", "claims+other"), cell_of(other, "fuse", "other+claims")
    assert (one.train, one.score) == (again.train, again.score)


def test_the_rate_is_in_the_key_once(world: World) -> None:
    train = cell_of(plan_of(world), "fuse", "claims").train
    assert cell_of(plan_of(world, "methods.fuse.compose.lr=1e-4"), "fuse", "claims").train != train
    assert (
        cell_of(plan_of(world, "methods.fuse.lr=5e-5", "methods.fuse.compose.lr=null"), "fuse", "claims").train != train
    )
    same = plan_of(world, "methods.fuse.compose.rank=8")
    assert cell_of(same, "fuse", "claims").train == train, "the default written out"


def test_the_mixer_is_among_the_trained_weights(world: World) -> None:
    plan = plan_of(world)
    costs = estimate(plan, lambda _: {"examples": 10, "tokens": 300})
    mixer = 2 * 2 * 8 * (4 * 16 + 1)  # two layers, query and value
    assert costs[cell_of(plan, "fuse", "claims+other").train].disk_bytes == 4 * mixer
    own = plan_of(world, fuse=", own: true")
    costs = estimate(own, lambda _: {"examples": 10, "tokens": 300})
    assert costs[cell_of(own, "fuse", "claims").train].disk_bytes == 4 * (mixer + 2 * 2 * 4 * 2 * 16)
