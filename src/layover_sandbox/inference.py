"""Entailments, contradictions and neutral hypotheses of a clause.

The conventions are from SNLI: premise and hypothesis describe the same event, so that another weekday, number or
colour contradicts it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from layover_sandbox import world
from layover_sandbox.meaning import City, Clause, Name, Place, Thing
from layover_sandbox.sampling import Sampler, same

_JUDGED = {"forge", "steal", "sue", "accuse", "arrest", "defend", "convict", "acquit", "question"}
"""No hypothesis about guilt goes with these verbs: it could seem to follow, or not to."""
LABELS = ("entailment", "neutral", "contradiction")

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EXCLUSIVE = (_WEEKDAYS, ("morning", "evening", "night"), ("summer", "winter"), ("yesterday", "today"))
_OPPOSITES = {word: other for pair in (*world.ANTONYMS, ("fast", "slow")) for word, other in (pair, pair[::-1])}
_STATES = {word: other for pair in world.STATE_OPPOSITES for word, other in (pair, pair[::-1])}

Change = Callable[[Sampler, Clause], Iterator[Clause]]


# entailments


def weaker(clause: Clause) -> Iterator[Clause]:
    """Yield the clause without its time, its place or an adjective."""
    if clause.time is not None:
        yield replace(clause, time=None)
    if clause.place is not None:
        yield replace(clause, place=None)
    if not clause.negated and isinstance(clause.object, Thing) and clause.object.adjective is not None:
        yield replace(clause, object=replace(clause.object, adjective=None))


def _wider(clause: Clause) -> Iterator[Clause]:
    """Yield the clause with the class of its object: an apple is a fruit."""
    thing = clause.object
    if clause.negated or clause.predicate == "compare" or not isinstance(thing, Thing):
        return
    if thing.count == 1 and thing.noun not in world.MASS:
        for name in world.CLASSES_OF.get(thing.noun, ()):
            yield replace(clause, object=Thing(name, definite=False))


def converse(clause: Clause) -> Clause | None:
    """Return the same event from the other side: if A buys from B, B sells to A."""
    if clause.predicate == "compare":
        other = _OPPOSITES.get(clause.property or "")
        if other is None or other not in world.COMPARABLE:
            return None
        return replace(clause, subject=clause.object, object=clause.subject, property=other)
    frame = world.PREDICATES.get(clause.predicate)
    if frame is None or not frame.converse or clause.negated:
        return None
    if frame.third:
        return replace(clause, predicate=frame.converse, subject=clause.third, third=clause.subject)
    return replace(clause, predicate=frame.converse, subject=clause.object, object=clause.subject)


def _other_side(clause: Clause) -> Iterator[Clause]:
    other_side = converse(clause)
    if other_side is not None:
        yield other_side


def _consequence(clause: Clause) -> Iterator[Clause]:
    """Yield consequences: a washed thing is clean; A went to a place, so A was there; happy is not sad."""
    if clause.negated:
        return
    frame = world.PREDICATES.get(clause.predicate)
    if frame is not None and frame.result and isinstance(clause.object, Thing) and _single(clause.object):
        yield Clause("state", replace(clause.object, adjective=None), property=frame.result)
    if clause.predicate in {"go", "return", "live"}:
        yield Clause("located", clause.subject, third=clause.third)
    if clause.predicate == "state" and clause.property in _STATES:
        yield Clause("state", clause.subject, property=_STATES[clause.property], negated=True)


# contradictions


def denied(clause: Clause) -> Iterator[Clause]:
    """Yield the negation, without time and place; its things are definite and single."""
    if clause.predicate in world.WEATHER or clause.predicate == "compare":
        return
    if clause.negated:
        yield replace(clause, negated=False)
    elif all(not isinstance(part, Thing) or _single(part) for part in (clause.subject, clause.object, clause.third)):
        yield replace(clause, time=None, place=None, negated=True)


def _opposite(sampler: Sampler, clause: Clause) -> Iterator[Clause]:  # noqa: ARG001
    if clause.negated:
        return
    if clause.predicate == "state" and clause.property in _STATES:
        yield replace(clause, property=_STATES[clause.property])
    if clause.predicate == "compare":
        yield replace(clause, subject=clause.object, object=clause.subject)


def _other_number(sampler: Sampler, clause: Clause) -> Iterator[Clause]:
    thing = clause.object
    if isinstance(thing, Thing) and thing.count > 1:
        count = sampler.dice.pick([number for number in world.NUMBERS if number != thing.count])
        yield replace(clause, object=replace(thing, count=count))


def _other_adjective(sampler: Sampler, clause: Clause) -> Iterator[Clause]:
    thing = clause.object
    if clause.negated or not isinstance(thing, Thing) or thing.adjective is None:
        return
    fitting = world.ATTRIBUTES[world.CATEGORY_OF[thing.noun]]
    if thing.adjective in world.COLOURS:
        others = [word for word in fitting if word in world.COLOURS and word != thing.adjective]
    else:
        others = [word for word in fitting if word == _OPPOSITES.get(thing.adjective)]
    if others:
        yield replace(clause, object=replace(thing, adjective=sampler.dice.pick(others)))


def other_time(sampler: Sampler, clause: Clause) -> Iterator[Clause]:
    """Yield the clause at another, exclusive time; not for weather and lasting states, which can be true twice."""
    if clause.time is None or clause.predicate in {*world.WEATHER, *world.LASTING}:
        return
    if clause.time.isdecimal():
        yield replace(clause, time=str(sampler.dice.pick([year for year in world.YEARS if str(year) != clause.time])))
    for times in _EXCLUSIVE:
        if clause.time in times:
            yield replace(clause, time=sampler.dice.pick([time for time in times if time != clause.time]))


def _other_city(sampler: Sampler, clause: Clause) -> Iterator[Clause]:
    where = clause.third if clause.predicate in {"located", "live"} else clause.place
    if not isinstance(where, City) or clause.negated:
        return
    city = City(sampler.dice.pick([name for name in world.CITIES if name != where.name]))
    yield replace(clause, third=city) if where is clause.third else replace(clause, place=city)


def reversed_(clause: Clause) -> Clause | None:
    """Return the event of a converse pair in the wrong direction: `sold to` for `bought from`."""
    other_side = converse(clause)
    if other_side is None or clause.predicate in {other_side.predicate, "compare"}:
        return None
    return replace(other_side, subject=clause.subject, third=clause.third)


def _wrong_direction(sampler: Sampler, clause: Clause) -> Iterator[Clause]:  # noqa: ARG001
    other_side = reversed_(clause)
    if other_side is not None:
        yield other_side


# neutral hypotheses


def _more_told(sampler: Sampler, clause: Clause) -> Iterator[Clause]:
    if clause.negated or clause.predicate in {"isa", "compare"}:
        return
    if clause.time is None and clause.property not in world.LASTING_STATES:
        yield replace(clause, time=sampler.time(clause.predicate))
    if clause.place is None and sampler.takes_place(clause):
        yield replace(clause, place=sampler.place(clause.predicate))
    thing = clause.object
    if isinstance(thing, Thing) and thing.adjective is None:
        every = world.ATTRIBUTES.get(world.CATEGORY_OF.get(thing.noun, ""), ())
        fitting = [word for word in every if clause.predicate not in world.MAKING or word not in world.VALUES]
        if fitting:
            yield replace(clause, object=replace(thing, adjective=sampler.dice.pick(fitting)))


def _narrower(sampler: Sampler, clause: Clause) -> Iterator[Clause]:
    """Yield the clause with a member of the class of its object: a fruit may be an apple."""
    if isinstance(clause.object, Thing) and clause.object.noun in world.CLASSES:
        categories = world.CLASSES[clause.object.noun]
        nouns = [noun for category in categories for noun in world.CATEGORIES[category]]
        yield replace(clause, object=Thing(sampler.dice.pick(nouns), definite=False))


def swapped(clause: Clause) -> Clause | None:
    """Return the clause with subject and other person exchanged: A visits B, B visits A."""
    frame = world.PREDICATES.get(clause.predicate)
    if frame is None or frame.converse == clause.predicate or not isinstance(clause.subject, Name):
        return None
    if isinstance(clause.object, Name):
        return replace(clause, subject=clause.object, object=clause.subject)
    if isinstance(clause.third, Name):
        return replace(clause, subject=clause.third, third=clause.subject)
    return None


def exchanged(clause: Clause) -> Clause | None:
    """Return the clause with its people exchanged, if that is neutral; None for predicates with a converse.

    In this world, A sold a thing to B excludes A bought it from B: see `reversed_`.
    """
    return swapped(clause) if converse(clause) is None else None


def _exchanged(sampler: Sampler, clause: Clause) -> Iterator[Clause]:  # noqa: ARG001
    swapped_clause = exchanged(clause)
    if swapped_clause is not None:
        yield swapped_clause


def _somebody_else(sampler: Sampler, clause: Clause) -> Iterator[Clause]:
    if isinstance(clause.subject, Name) and clause.predicate in world.PREDICATES:
        yield replace(clause, subject=sampler.person(clause.subject, clause.object, clause.third))


def _something_else(sampler: Sampler, clause: Clause) -> Iterator[Clause]:
    """Yield another event or state of the same subject, perhaps negated."""
    if not isinstance(clause.subject, Name):
        return
    other = sampler.event(plain=True, subject=clause.subject)
    if other.predicate not in {clause.predicate, *_related(clause)}:
        yield replace(other, negated=sampler.dice.chance(0.4))
    state = sampler.state(clause.subject)
    judged = state.property in {"guilty", "innocent"} and clause.predicate in _JUDGED
    if clause.predicate not in {"state", "isa"} and not judged:
        yield replace(state, negated=sampler.dice.chance(0.3))


def _related(clause: Clause) -> tuple[str, ...]:
    frame = world.PREDICATES.get(clause.predicate)
    return (frame.converse,) if frame is not None and frame.converse else ()


_ENTAILED: tuple[Change, ...] = (
    lambda _, clause: weaker(clause),
    lambda _, clause: _wider(clause),
    lambda _, clause: _other_side(clause),
    lambda _, clause: _consequence(clause),
)
_DENIALS: tuple[Change, ...] = (lambda _, clause: denied(clause),)
_DENYING: tuple[Change, ...] = (
    *_DENIALS,
    *(_opposite, _other_number, _other_adjective, other_time, _other_city, _wrong_direction),
)
_OPEN: tuple[Change, ...] = (_more_told, _narrower, _exchanged, _somebody_else, _something_else)


def _one(changes: tuple[Change, ...], sampler: Sampler, clause: Clause) -> Clause | None:
    """Return the clause after a random change that is possible, or None."""
    for change in sampler.dice.shuffled(changes):
        changed_clauses = [changed for changed in change(sampler, clause) if not _clash(changed)]
        if changed_clauses:
            return sampler.dice.pick(changed_clauses)
    return None


def hypothesis(sampler: Sampler, premise: Clause, label: str, steps: int) -> Clause | None:
    """Return a hypothesis with this label for a premise, or None if there is none.

    Args:
        sampler: Source of random choices.
        premise: Premise.
        label: One of `LABELS`.
        steps: Maximum number of inferences; a contradiction of a consequence contradicts the premise.
    """
    if label == "neutral":
        return _one(_OPEN, sampler, premise)
    reached = premise
    for _ in range(sampler.dice.below(steps + 1) if label == "contradiction" else 1 + sampler.dice.below(steps)):
        reached = _one(_ENTAILED, sampler, reached) or reached
    if label == "contradiction":
        # a washed thing is clean afterwards; `it was dirty` is no contradiction, because it was dirty before
        after = reached.predicate == "state" != premise.predicate
        if after and reached.negated:
            return None
        return _one(_DENIALS if after else _DENYING, sampler, reached)
    return reached if reached != premise else None


def _single(thing: Thing) -> bool:
    return thing.definite and thing.count == 1


def _clash(clause: Clause) -> bool:
    """Return whether two roles have the same entity, or subject or object is a place."""
    parts = [part for part in (clause.subject, clause.object, clause.third) if part is not None]
    return any(same(entity, other) for number, entity in enumerate(parts) for other in parts[:number]) or any(
        isinstance(part, Place) for part in (clause.subject, clause.object)
    )


def touches(claim: Clause, others: Iterable[Clause]) -> bool:
    """Return whether another sentence could entail or contradict a claim."""
    about = claim.subject
    for clause in others:
        parts = [part for part in (clause.subject, clause.object, clause.third) if part is not None]
        if isinstance(about, Thing) and any(same(about, part) for part in parts):
            return True
        other_side = converse(clause)
        for side in (clause, other_side) if other_side is not None else (clause,):
            if side.predicate == claim.predicate and (about is None or (side.subject and same(side.subject, about))):
                return True
    return False
