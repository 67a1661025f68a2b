"""Similarity of languages: equal to that of lang2vec, for every name of a language."""

from __future__ import annotations

import pytest

from layover.data.similarity import MEASURES, similarity

LANG2VEC = {
    ("en", "de"): (0.9025, 0.8058, 0.7628, 0.5443),
    ("en", "sw"): (0.4738, 0.9091, 0.7581, 0.0),
    ("en", "zh"): (0.7124, 0.7526, 0.6183, 0.0),
    ("de", "fi"): (0.7326, 0.9258, 0.8030, 0.0),
}
"""Cosines of syntax_knn, phonology_knn, inventory_knn and fam, computed with lang2vec 1.1.2."""


@pytest.mark.parametrize(("pair", "expected"), LANG2VEC.items())
def test_it_is_that_of_lang2vec(pair: tuple[str, str], expected: tuple[float, ...]) -> None:
    found = similarity(*pair)
    assert found is not None
    assert tuple(found) == MEASURES
    assert tuple(found.values()) == pytest.approx(expected, abs=5e-5)
    assert similarity(*reversed(pair)) == found


@pytest.mark.parametrize("name", ["deu", "ger", "de-DE", "deu_Latn", "de"])
def test_every_name_of_a_language_is_the_same_language(name: str) -> None:
    assert similarity("en", name) == similarity("eng", "de")


@pytest.mark.parametrize("name", ["xx", "de-en", "en-de", "und", "multilingual", ""])
def test_other_names_have_none(name: str) -> None:
    assert similarity("en", name) is None


@pytest.mark.parametrize(
    ("name", "code"), [("arb_Arab", "ar"), ("cmn", "zh"), ("ekk", "et"), ("npi", "ne"), ("swh", "sw")]
)
def test_the_code_of_the_features_is_a_name_too(name: str, code: str) -> None:
    assert similarity(name, "en") == similarity(code, "en") != None  # noqa: E711 - both are known


def test_families_are_those_of_the_language_or_unknown() -> None:
    def family(*pair: str) -> float | None:
        return (similarity(*pair) or {})["family"]

    assert family("eu", "en") is None, "lang2vec has no family of Basque"
    known = {pair: family(*pair) for pair in (("et", "fi"), ("lv", "lt"), ("no", "sv"), ("nb", "nn"))}
    assert all(value is not None and value > 0.5 for value in known.values()), known
    assert family("fi", "en") == 0.0


def test_a_language_equals_itself() -> None:
    assert similarity("sw", "swa") == dict.fromkeys(MEASURES, pytest.approx(1.0))


def test_all_languages_of_xtreme_and_xcopa_are_known() -> None:
    names = (
        "af ar az bg bn de el en es et eu fa fi fr gu he hi ht hu id it ja jv ka kk ko lt ml mr ms my nl pa pl pt qu "
        "ro ru sw ta te th tl tr uk ur vi wo yo zh"
    )
    assert [name for name in names.split() if similarity("en", name) is None] == []
