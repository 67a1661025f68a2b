"""Names of languages: their codes, and which of them are one language."""

from __future__ import annotations

import re

import pytest

from layover import tasks
from layover.data import languages
from layover.data.languages import Listed, is_other, listed, named
from layover_sandbox.sets import ALL, LANGUAGES


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("en", ("en",)),
        ("EN", ("en",)),
        ("eng", ("en",)),
        ("eng_Latn", ("en",)),
        ("eng_latn", ("en",)),
        ("ger", ("de",)),
        ("iw", ("he",)),
        ("ber", ("ber",)),
        ("quy_Latn", ("quy",)),
        ("zh-CN", ("zh",)),
        ("zh-cn", ("zh",)),
        ("zh_Hans", ("zh",)),
        ("zh-Hant-TW", ("zh",)),
        ("zh-yue", ("zh", "yue")),
        ("es-419", ("es",)),
        ("pt-BR", ("pt",)),
        ("fr-fr", ("fr",)),
        ("de-en", ("de", "en")),
        ("DE-EN", ("de", "en")),
        ("deu_eng", ("de", "en")),
        ("eng_Latn-deu_Latn", ("en", "de")),
        ("mul", ("multilingual",)),
        ("multilingual", ("multilingual",)),
        ("code", ("code",)),
    ],
)
def test_names_with_one_meaning(name: str, codes: tuple[str, ...]) -> None:
    assert named(name) == languages.NamedCodes(codes)


@pytest.mark.parametrize(
    "name",
    [
        "und",
        "zxx",
        "mis",
        "qaa",
        "xx",
        "english",
        "no-label",
        "en-legal",
        "dialect one",
        "",
        "-",
        "n|o",
        "x-en",
        "En",
        "en ",
    ],
)
def test_names_that_are_no_codes(name: str) -> None:
    assert named(name) == languages.NamedCodes(())


def test_a_second_part_that_may_be_a_country() -> None:
    """`es-ar` is the Spanish of Argentina, or a pair of Spanish and Arabic."""
    assert named("es-ar") == languages.NamedCodes(("es",), "ar")
    assert named("es-ar", frozenset({"ar"})) == languages.NamedCodes(("es", "ar"))
    assert listed(["pt-br", "en"]) == Listed(("en", "pt"), (), ("pt-br",))
    assert listed(["es-ar", "ar-en"]) == Listed(("ar", "en", "es"), (), ())


def test_a_list() -> None:
    found = listed(["zh-CN", "eng_Latn", "english", "en", "de-en"])
    assert found == Listed(("de", "en", "zh"), ("english",), ())


def test_the_languages_of_the_tasks_are_codes() -> None:
    """All of them: a new task with another name of a language must be looked at."""
    names = {language for name in tasks.names() for language in tasks.get(name).all_languages()}
    assert {*LANGUAGES, ALL} <= names
    found = listed(names)
    assert (found.left_out, found.doubtful) == ((), ())
    assert all(re.fullmatch("[a-z]{2,3}|multilingual", code) for code in found.codes)
    pairs = listed(tasks.get("mlqa_pairs").all_languages())
    assert pairs == Listed(("ar", "de", "en", "es", "hi", "vi", "zh"), (), ())


def test_the_table_of_codes() -> None:
    codes = languages._codes()
    short = {code for code in codes.values() if len(code) == 2}
    assert len(short) == 184
    assert all(re.fullmatch("[a-z]{2,3}", code) for code in codes)
    assert {codes[code] for code in ("deu", "ger", "de")} == {"de"}
    assert len(codes) > 7900
    assert not {"und", "mul", "mis", "zxx", "qaa"} & set(codes)


@pytest.mark.parametrize(
    ("language", "trained", "other"),
    [
        ("de", "en", True),
        ("en", "en", False),
        ("eng_Latn", "en", False),
        ("en-US", "en-GB", False),
        ("en", "de-en", False),
        ("de-en", "en", True),
        ("dialect one", "dialect one", False),
        ("dialect one", "en", None),
        ("en", "english", None),
        ("und", "en", None),
        ("en", "und", None),
        ("und", "und", None),
        ("en", "mul", None),
        ("mul", "mul", None),
    ],
)
def test_whether_a_language_is_another(language: str, trained: str | None, other: bool | None) -> None:
    assert is_other(language, trained) is other
