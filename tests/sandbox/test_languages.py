"""Every language on disk is held to one contract: what can be meant can be said, and where it stands is known."""

from __future__ import annotations

import pytest

from layover.errors import DataError
from layover.tasks.udpos import UPOS
from layover_sandbox import language as languages_module
from layover_sandbox import languages, world
from layover_sandbox.language import Language, Sentence
from layover_sandbox.meaning import City, Clause, Fact, Name, Org, Place, Thing
from layover_sandbox.sampling import Dice, Sampler
from layover_sandbox.scripts import LINKS, draw_link
from layover_sandbox.sets.qa import askable

EVERY = [pytest.param(languages.get(code), id=code) for code in languages.names()]
OTHERS = [pytest.param(languages.get(code), id=code) for code in languages.names() if code != "en"]
ROLES = {"subject", "object", "third", "place", "time", "property", "verb", "not", "link", "ask", "mark"}


def check(sentence: Sentence, language: Language) -> None:
    """What holds for every sentence."""
    assert sentence.text == sentence.text.strip()
    assert "  " not in sentence.text
    assert language.spaces or " " not in sentence.text.replace("·", "")
    for token in sentence.tokens:
        assert token.text
        assert sentence.text[token.start : token.start + len(token.text)] == token.text
        assert token.pos in UPOS
    for phrase in sentence.phrases:
        assert phrase.role in ROLES
        assert phrase.words
        first, last = phrase.answer
        assert 0 <= first < last <= len(phrase.words)
        assert phrase.entity in {None, "PER", "ORG", "LOC"}


def test_the_languages_are_many_and_differ() -> None:
    found = [languages.get(code) for code in languages.names()]
    assert "en" in languages.names()
    assert len(found) >= 8
    assert len({language.script for language in found}) >= 4
    assert any(not language.spaces for language in found)
    assert [language.code for language in found] == list(languages.names())


@pytest.mark.parametrize("language", OTHERS)
def test_a_lexicon_has_every_concept(language: Language) -> None:
    english = languages.get("en").lexicon
    for section, entries in english.items():
        assert sorted(set(entries) - set(language.lexicon.get(section, {}))) == [], section


@pytest.mark.parametrize("language", EVERY)
def test_a_lexicon_has_no_entry_that_nothing_asks_for(language: Language) -> None:
    """A verb may have a form of its own with some nouns, `break bed`; a misspelt one would never be used."""
    nouns = {*world.NOUNS, *world.PROFESSIONS, *world.CLASSES, *world.CATEGORY_OF.values()}
    for key in language.lexicon["verbs"]:
        verb, _, noun = key.partition(" ")
        assert verb in world.PREDICATES, key
        assert not noun or noun in nouns, key


def test_the_english_lexicon_has_every_concept_of_the_world() -> None:
    lexicon = languages.get("en").lexicon
    for section, concepts in {
        "given": world.GIVEN,
        "families": world.FAMILIES,
        "cities": world.CITIES,
        "orgs": world.ORGS,
        "sorts": world.ORG_SORTS,
        "places": world.PLACES,
        "nouns": (*world.PROFESSIONS, *world.NOUNS, *world.CLASSES),
        "adjectives": (*world.ADJECTIVES, *world.COMPARABLE),
        "states": world.STATES,
        "verbs": world.PREDICATES,
        "weather": world.WEATHER,
        "times": world.TIMES,
        "numbers": map(str, world.NUMBERS),
        "materials": world.MATERIALS,
        "purposes": world.PURPOSES,
    }.items():
        assert sorted(set(concepts) - set(lexicon[section])) == [], section


@pytest.mark.parametrize("language", EVERY)
def test_statements(language: Language, clauses: list[Clause]) -> None:
    for clause in clauses:
        for time_first in (False, True) if clause.time else (False,):
            sentence = language.statement(language.clause(clause, time_first=time_first))
            check(sentence, language)
            assert sentence.text.endswith(language.stop)
            for role in ("subject", "object", "third", "place", "time"):
                span = sentence.span(role)
                assert (span is not None) == (getattr(clause, role) is not None), (role, sentence.text)


@pytest.mark.parametrize("language", EVERY)
def test_names_are_marked(language: Language, clauses: list[Clause]) -> None:
    wanted = {Name: "PER", Org: "ORG", City: "LOC", Place: None, Thing: None}
    for clause in clauses:
        sentence = language.statement(language.clause(clause))
        for phrase in sentence.phrases:
            if phrase.role in {"subject", "object", "third", "place"}:
                assert phrase.entity == wanted[type(getattr(clause, phrase.role))], sentence.text
                first, last = phrase.answer
                if phrase.entity == "PER":
                    assert all(word.pos in {"PROPN", "PUNCT"} for word in phrase.words[first:last]), sentence.text


@pytest.mark.parametrize("language", EVERY)
def test_questions(language: Language, clauses: list[Clause]) -> None:
    questions = 0
    for clause in clauses:
        said = language.statement(language.clause(clause))
        for role in askable(clause, named=True):
            question = language.inquiry(language.question(clause, role))
            check(question, language)
            assert question.text.endswith(language.asks)
            span = said.span(role)
            assert span is not None
            answer = said.text[span[0] : span[1]]
            assert answer
            questions += 1
            if role == "count":
                number = languages.get("en").entry("numbers", str(clause.object.count))[0]  # type: ignore[union-attr]
                assert language.code != "en" or answer == number
    assert questions > 2_000


@pytest.mark.parametrize("language", EVERY)
def test_different_meanings_are_told_apart(language: Language, clauses: list[Clause]) -> None:
    """Articles may fall away, and so may the gender of a profession; who, what, how many, where and when do not."""
    told: dict[str, Clause] = {}
    for clause in clauses:
        parts = (clause.subject, clause.object, clause.third)
        if any(isinstance(part, Thing) and part.count == 1 and not part.definite for part in parts):
            continue
        before = told.setdefault(language.statement(language.clause(clause)).text, clause)
        assert before == clause


@pytest.mark.parametrize("language", EVERY)
def test_a_pronoun_or_nothing_stands_for_the_subject(language: Language) -> None:
    sampler = Sampler(Dice("pronouns"))
    for _ in range(300):
        clause = sampler.event(subject=sampler.person())
        name = language.statement(language.clause(clause))
        pronoun = language.statement(language.clause(clause, pronoun=True))
        check(pronoun, language)
        assert pronoun.text != name.text
        assert not any(phrase.role == "subject" and phrase.entity for phrase in pronoun.phrases)


@pytest.mark.parametrize("language", EVERY)
def test_reasons(language: Language) -> None:
    sampler = Sampler(Dice("reasons"))
    seen = set()
    for _ in range(1_000):
        link = draw_link(sampler)
        cause, effect = link.cause, link.effect
        seen.add(link.link)
        assert not any("*" in str(part) for part in (cause.object, effect.object))
        sentence = language.statement(language.because(effect, cause))
        check(sentence, language)
        assert len([phrase for phrase in sentence.phrases if phrase.role == "link"]) >= 1
    assert seen == set(LINKS)


@pytest.mark.parametrize("language", EVERY)
def test_facts(language: Language, every_fact: list[Fact]) -> None:
    statements = set()
    for fact in every_fact:
        statement = language.statement(language.fact(fact))
        check(statement, language)
        check(language.inquiry(language.fact_question(fact)), language)
        assert language.citation(fact.subject)
        statements.add(statement.text)
        if fact.relation in {"found", "made"}:
            assert language.citation(fact.value)
    assert len(statements) == len(every_fact)


def test_english_sentences() -> None:
    english = languages.get("en")
    anna, omar = Name("anna", "weber"), Name("omar")
    bought = Clause("buy", anna, Thing("apple", "green", 3, definite=False), omar, Place("market"), "monday")
    said = english.statement(english.clause(bought))
    assert said.text == "Anna Weber bought three green apples from Omar at the market on Monday."
    assert [token.pos for token in said.tokens] == (
        ["PROPN", "PROPN", "VERB", "NUM", "ADJ", "NOUN", "ADP", "PROPN", "ADP", "DET", "NOUN", "ADP", "PROPN", "PUNCT"]
    )
    questions = {
        "subject": ("Who bought three green apples from Omar at the market on Monday?", "Anna Weber"),
        "object": ("What did Anna Weber buy from Omar at the market on Monday?", "three green apples"),
        "third": ("From whom did Anna Weber buy three green apples at the market on Monday?", "Omar"),
        "place": ("Where did Anna Weber buy three green apples from Omar on Monday?", "the market"),
        "time": ("When did Anna Weber buy three green apples from Omar at the market?", "on Monday"),
        "count": ("How many green apples did Anna Weber buy from Omar at the market on Monday?", "three"),
    }
    for role, (question, answer) in questions.items():
        start, end = said.span(role) or (0, 0)  # type: ignore[arg-type]
        assert said.text[start:end] == answer
        assert english.inquiry(english.question(bought, role)).text == question  # type: ignore[arg-type]
    tired, awake = Clause("state", anna, property="tired"), Clause("sleep", anna, negated=True)
    reason = english.statement(english.because(tired, awake))
    assert reason.text == "Anna Weber was tired because she did not sleep."


def test_a_broken_lexicon_is_told_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    parse = languages_module.parse_lexicon
    with pytest.raises(DataError, match=r"xx.txt:2: the colon is missing"):
        parse("[nouns]\napple\n", "xx.txt")
    with pytest.raises(DataError, match=r"xx.txt:3: 'apple' is defined twice"):
        parse("[nouns]\napple: Apfel\napple: Apfel\n", "xx.txt")
    assert parse("[nouns]\napple: Apfel | m # a fruit\n", "xx.txt") == {"nouns": {"apple": ("Apfel", "m")}}
    with pytest.raises(DataError, match=r"\[nouns\] has no 'unicorn'"):
        languages.get("en").entry("nouns", "unicorn")
