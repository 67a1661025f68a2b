"""The metadata at the head of a card: whatever names are in it, both libraries that read it find exactly these."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from tests.kinds_of import SHARED

from layover import kinds
from layover.hub.model_card import markdown, metadata, plot
from layover.numerics import Precision
from layover.packages.card import Card

NAMES = (
    "my task: a/b",
    "no",
    "null",
    "~",
    "1e5",
    "0x1F",
    "12:30:45",
    "2020-01-01",
    ".inf",
    "=",
    "a: b\n---\nlicense: mit\n",
    "- x # comment",
    "'single' \"double\" \\",
    "{flow: [a, b]}",
    "*anchor &anchor !tag %directive @at `tick`",
    "tab\tin it",
    "\u2028\u0085\ufeff",
    "größe 大小 😀",
    "x" * 3000,
    " y ",
)
texts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40)


def changed(part: Any, **updates: Any) -> Any:
    return part.model_copy(update=updates)


def named(shipped: Card, name: str, language: str = "en") -> Card:
    """Return a card with this name for its task, its data and their licence, and with one language."""
    assert shipped.scores is not None
    assert shipped.task is not None
    scores = changed(
        shipped.scores,
        task=name,
        languages={language: 50.0},
        examples={language: 4},
        missing={},
        partial={language: name},
        every={language: {"accuracy": 50.0}},
        without_intermediate=None,
        full=None,
        data=tuple(changed(one, task=name, language=language) for one in shipped.scores.data[:1]),
    )
    found: Card = changed(
        shipped,
        title=name,
        task=changed(shipped.task, name=name, language=language),
        data=tuple(changed(one, task=name, language=language, licence=name) for one in shipped.data),
        trainings=tuple(changed(one, tasks=(name,)) for one in shipped.trainings),
        learned_before=((name,),),
        scores=scores,
    )
    return found


def read_by_both(text: str) -> dict[str, Any]:
    """Return the metadata of a page, which ruamel.yaml and PyYAML must read alike."""
    front = text.split("---\n")[1]
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(front)
    assert yaml.safe_load(front) == found
    return found


@pytest.mark.parametrize("name", NAMES)
def test_names_of_users_are_values(shipped: Card, name: str) -> None:
    card = named(shipped, name, name)
    text = markdown(card, 0, pictured=False)
    found = read_by_both(text)
    assert found == metadata.values_of(card)
    (result,) = found["model-index"][0]["results"]
    assert result["dataset"] == {"type": name, "name": f"{name} ({name})", "config": name, "split": "test"}
    assert "license" not in found
    (read,) = ModelCard(text).data.eval_results or ()
    assert (read.dataset_type, read.dataset_config, read.metric_value) == (name, name, 50.0)


@given(name=texts, language=texts)
def test_any_name_is_a_value(shipped: Card, name: str, language: str) -> None:
    card = named(shipped, name, language)
    assert read_by_both(f"---\n{metadata.as_yaml(card)}\n---\n") == metadata.values_of(card)


def test_a_language_that_is_not_known(shipped: Card) -> None:
    """No zero-shot claim stands where the language of the training is not known."""
    assert shipped.task is not None
    for language in (None, "und"):
        data = tuple(changed(one, language=language) for one in shipped.data)
        card = changed(shipped, task=changed(shipped.task, language=language), data=data)
        text = markdown(card, 0, pictured=False)
        assert "The language of the training data is unknown, so no score is called zero-shot." in text
        assert "ero-shot" not in text.replace("so no score is called zero-shot", "")
        assert ", trained |" not in text
        assert "| unknown | files" in text
        assert "und" not in read_by_both(text)["language"]
        unscored = changed(card, scores=None)
        assert "language" not in metadata.values_of(unscored)
        assert "leave out" not in markdown(unscored, 0, pictured=False)


def test_a_language_of_which_the_name_does_not_say_it(shipped: Card) -> None:
    card = named(shipped, "moods", "en")
    assert card.task is not None
    text = markdown(changed(card, task=changed(card.task, language="english")), 0, pictured=False)
    assert "The name does not show whether `en` is the language of the training, `english`." in text
    assert "zero-shot" not in text


def test_what_is_left_out_is_said(shipped: Card) -> None:
    card = named(shipped, "moods", "es-ar")
    assert metadata.values_of(card)["language"] == ["es"]
    there = "The metadata have only the first part of `es-ar`: the second part may be a language or a country."
    assert there in markdown(card, 0, pictured=False)
    data = (changed(shipped.data[0], hub="org/some thing:x"), changed(shipped.data[1], hub="org/other"))
    found = metadata.values_of(changed(shipped, data=data))
    assert found["datasets"] == ["org/other"]
    page = markdown(changed(shipped, data=data), 0, pictured=False)
    assert "The metadata at the head of this page leave out `org/some thing`: no name of a data set on a hub." in page
    assert "huggingface.co/datasets/org/some thing" not in page
    assert "leave out" not in markdown(shipped, 0, pictured=False)


def test_many_languages_are_multilingual(shipped: Card) -> None:
    data = tuple(changed(one, language="mul") for one in shipped.data)
    assert metadata.values_of(changed(shipped, data=data, scores=None))["language"] == ["multilingual"]


def test_an_encoder_whose_name_no_hub_takes(shipped: Card) -> None:
    for name, there in (("org/encoder", True), ("org/größe", False), ("org/a--b", False), ("org/x.git", False)):
        found = metadata.values_of(changed(shipped, base=changed(shipped.base, name=name)))
        assert ("base_model" in found) == there
        assert ("base_model_relation" in found) == there


@pytest.mark.filterwarnings("ignore:Glyph:UserWarning")
@pytest.mark.parametrize("language", ["$x_$", "a\nb", "n|o", "大"])
def test_a_picture_with_any_name(shipped: Card, tmp_path: Path, language: str) -> None:
    assert plot.draw(named(shipped, "moods", language), tmp_path / "one.png")
    assert (tmp_path / "one.png").stat().st_size > 1000


def test_every_kind_with_a_head_has_a_pipeline() -> None:
    assert SHARED
    assert all(kinds.get(name).pipeline for name in SHARED)


@pytest.mark.parametrize("precision", get_args(Precision))
def test_the_numbers_of_every_precision(shipped: Card, precision: str) -> None:
    found = markdown(changed(shipped, precision=precision), 0, pictured=False)
    assert f"The package was trained and scored in `{precision}`" in found
    assert ("every program here uses this precision" in found) == (precision == "fp32")
    assert ("The program for peft computes in `fp32`" in found) == (precision != "fp32")
    assert ("by more than rounding" in found) == (precision in {"nf4", "int8"})
    assert ("needs a GPU of compute capability 8.0" in found) == (precision == "tf32")
    assert ("often in the fourth digit" in found) == (precision == "tf32")
    headless = changed(shipped, precision=precision, probe=changed(shipped.probe, outputs=None), scores=None)
    found = markdown(headless, 0, pictured=False)
    assert f"The package was trained in `{precision}`" in found
    assert "Layover predicts" not in found


def test_two_languages_of_one_configuration_are_two_results(shipped: Card) -> None:
    assert shipped.scores is not None
    data = tuple(changed(one, hub="org/set:all", revision="abc", sandbox=False) for one in shipped.scores.data[:3])
    shared = {one.language for one in data}
    card = changed(shipped, scores=changed(shipped.scores, data=data))
    results = [one for one in metadata.metadata(card).eval_results or () if one.dataset_type == "org/set"]
    assert {one.dataset_config for one in results} == shared
    listed = metadata.values_of(card)["model-index"][0]["results"]
    assert len(listed) == len(shipped.scores.languages)
    assert {one["dataset"]["name"] for one in listed} == {
        f"sandbox/paraphrase ({language})" for language in shipped.scores.languages
    }
    alone = metadata.metadata(changed(shipped, scores=changed(shipped.scores, data=data[:1]))).eval_results or ()
    assert [one.dataset_config for one in alone if one.dataset_type == "org/set"] == ["all"]
