"""Labels are right by construction: held to what follows, step by step, and to what two sides of one event say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from layover_sandbox import inference, sets
from layover_sandbox.inference import converse, denied, reversed_
from layover_sandbox.meaning import City, Clause, Name, Place, Thing
from layover_sandbox.sampling import Dice, Sampler
from layover_sandbox.sets.nli import Pair

ANNA, OMAR, CUP, DOOR = Name("anna"), Name("omar"), Thing("cup"), Thing("door")
NLI = ("nli", "anli", "nli_legal", "nli_biomedical")


def closure(clause: Clause, steps: int = 4) -> set[Clause]:
    """Everything that follows in so many steps."""
    sampler = Sampler(Dice("closure"))
    found, edge = {clause}, {clause}
    for _ in range(steps):
        edge = {told for one in edge for change in inference._ENTAILED for told in change(sampler, one)} - found
        found |= edge
    return found


def sides(clause: Clause) -> Iterator[Clause]:
    yield clause
    told = converse(clause)
    if told is not None:
        yield told


@pytest.fixture(params=NLI, scope="module")
def pairs(request: pytest.FixtureRequest) -> list[Pair]:
    data = sets.get(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(data), "sizes", {"test": 120 if request.param == "anli" else 500})  # a model tries each
        return data.meanings("test", 7)


def test_entailments_follow_and_the_others_do_not(pairs: list[Pair]) -> None:
    for pair in pairs:
        known = set().union(*(closure(clause) for clause in pair.premise))
        assert (pair.hypothesis in known) == (pair.label == "entailment"), pair
        if pair.label != "entailment":
            assert not known & set(sides(pair.hypothesis)), pair


def test_what_is_left_open_is_not_denied(pairs: list[Pair]) -> None:
    for pair in pairs:
        if pair.label != "neutral":
            continue
        known = set().union(*(closure(clause) for clause in pair.premise))
        refused = {told for clause in known for told in denied(clause)}
        refused |= {told for clause in known if (told := reversed_(clause)) is not None}
        assert not refused & set(sides(pair.hypothesis)), pair


def test_nobody_is_two_people(pairs: list[Pair]) -> None:
    for pair in pairs:
        clauses = (*pair.premise, pair.hypothesis)
        parts = {part for clause in clauses for part in (clause.subject, clause.object, clause.third)}
        given = [part.given for part in parts if isinstance(part, Name)]
        assert len(given) == len(set(given)), pair


@pytest.mark.parametrize(
    ("premise", "claim"),
    [
        (Clause("buy", ANNA, CUP, OMAR), Clause("sell", OMAR, CUP, ANNA)),
        (Clause("wash", ANNA, CUP), Clause("state", CUP, property="clean")),
        (Clause("go", ANNA, third=Place("market")), Clause("located", ANNA, third=Place("market"))),
        (Clause("state", ANNA, property="happy"), Clause("state", ANNA, property="sad", negated=True)),
        (Clause("sleep", ANNA, time="monday"), Clause("sleep", ANNA)),
        (Clause("eat", ANNA, Thing("apple")), Clause("eat", ANNA, Thing("fruit", definite=False))),
    ],
)
def test_what_follows(premise: Clause, claim: Clause) -> None:
    assert claim in closure(premise)


def test_what_was_done_says_nothing_of_how_things_were_before() -> None:
    sampler = Sampler(Dice("before"))
    closed = Clause("close", ANNA, DOOR)
    claims = {inference.hypothesis(sampler, closed, "contradiction", 2) for _ in range(300)}
    assert Clause("state", DOOR, property="closed", negated=True) in claims
    assert Clause("state", DOOR, property="open") not in claims


@pytest.mark.parametrize(
    "clause", [Clause("rain", time="monday"), Clause("live", ANNA, third=City("rome"), time="1990")]
)
def test_what_can_be_twice_is_not_denied_by_another_time(clause: Clause) -> None:
    assert list(inference.other_time(Sampler(Dice(1)), clause)) == []


def test_who_sold_is_not_open_to_have_bought() -> None:
    sold = Clause("sell", ANNA, CUP, OMAR)
    assert reversed_(sold) == Clause("buy", ANNA, CUP, OMAR)
    assert inference.exchanged(sold) is None
    assert inference.exchanged(Clause("visit", ANNA, OMAR)) == Clause("visit", OMAR, ANNA)
