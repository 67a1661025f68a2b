"""Messages of recipes are Layover's own: none of pydantic's or YAML's machinery reaches a person."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import BaseModel
from tests.recipe.conftest import SMALL, Told
from tests.recipe.schema_walk import KEY, ROOTS, settings_of

from layover.recipe.expected import plain, shown, words
from layover.recipe.file import RecipeFile
from layover.recipe.schema import Document
from layover.recipe.validation import validate, validate_partially

WRONG: tuple[Any, ...] = (
    None, True, -1, 10**30, 2.5, float("nan"), "", "no such word", "x" * 300,
    [], [None], ["?", 5], {"?": {"?": []}}, {"name": 5},
)  # fmt: skip
"""Values of every type that YAML has, none of them right everywhere."""

MACHINERY = re.compile(
    r"pydantic|valid (string|integer|number|boolean|tuple|list|dictionary|mapping)|instance of|nput should|type=|"
    r"input_value|validation error|Extra inputs|ield required|Value error|unable to|NoneType|<class|ordereddict|"
    r"tuple\[|dict\[|Literal|should have at|should match|parsing",
    re.IGNORECASE,
)


def with_value(path: tuple[str | int, ...], value: Any) -> Any:
    """Return nested mappings and lists that have nothing but a value at a path."""
    for part in reversed(path):
        value = [value] if isinstance(part, int) else {part: value}
    return value


FIELDS = [pytest.param(model, [path for path, _ in settings_of(model)], id=model.__name__) for model in ROOTS]


@pytest.mark.parametrize(("model", "paths"), FIELDS)
def test_every_field_answers_every_wrong_value_in_our_words(
    model: type[BaseModel], paths: list[tuple[str | int, ...]]
) -> None:
    refused = 0
    for path in paths:
        for value in WRONG:
            source = RecipeFile("r.yaml", with_value(path, value))
            _, found = validate(model, source.values, source)
            here = [one for one in found if one.message != "is required" and one.path.startswith(str(path[0]))]
            refused += bool(here)
            for one in found:
                assert not MACHINERY.search(one.message), (path, value, one.message)
                assert one.message[0] in "'\"[{.-" or not one.message[0].isupper(), one.message
                assert len(one.message) <= 2000
    assert refused >= 5 * len(paths)


def test_every_kind_of_value_is_named() -> None:
    for model in ROOTS:
        for path, annotation in settings_of(model):
            said = words(annotation)
            assert said, (model, path)
            assert plain(annotation) is Any or said != "a value", (model, path)
            assert not MACHINERY.search(said)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("train.batch=eight", "train.batch: 'eight' does not fit; write a whole number from 1 to 1,000,000,000"),
        ("train.batch=[8]", "train.batch: [8] does not fit; write a whole number from 1 to 1,000,000,000"),
        ("run.deterministic=1", "run.deterministic: 1 does not fit; write true or false"),
        ("name=[a]", 'name: ["a"] does not fit; write a name of letters, digits, `.`, `_` and `-`'),
        ("sweep.target=sandbox/nli", "sweep.target: 'sandbox/nli' does not fit; write a list, each item a text"),
        ("eval.languages=5", "eval.languages: 5 does not fit; write all, or a list, each item a text"),
        ("eval.languages=[en, 5]", "eval.languages[1]: 5 does not fit; write a text"),
        ("eval.languages=al", "eval.languages: 'al' is not a valid value; did you mean 'all'?"),
        ("train.select=best", "train.select: 'best' does not fit; write a mapping of split, language, every, patience"),
        ("train.select={every: .5}", "train.select.every: 0.5 does not fit; write a whole number from 1"),
        ("run.device=gpu", "run.device: 'gpu' is not a valid value; did you mean 'cpu'?"),
        ("run.device=null", "run.device: null is not a valid value; one of: auto, cpu, cuda, mps"),
        ("methods.lora.module=null", "methods.lora.module: null does not fit; write a text"),
        ("tasks.sandbox/nli.limit={tran: 5}", "limit.tran: 'tran' is not a valid value; did you mean 'train'?"),
        ("tasks.sandbox/nli.files={train: 5}", "files.train: 5 does not fit; write a text, or a list"),
        ("mixtures.a b={tasks: []}", "mixtures.a b: 'a b' does not fit; write a name of letters, digits"),
        ("sweep.model=[]", "sweep.model: is empty; write a list, each item a text"),
        ("methods.str={module: lora, rank: x}", "methods.str.rank: 'x' does not fit; write a whole number from 1"),
        ("methods.a[b]={module: lora}", "an override sets a whole list"),
    ],
)  # fmt: skip
def test_messages_say_what_belongs_there(told: Told, override: str, expected: str) -> None:
    found = told(SMALL, override)
    assert any(expected in one for one in found), found


def test_values_are_shown_as_yaml() -> None:
    cases = {"x": "'x'", None: "null", True: "true", 5: "5", float("inf"): ".inf", float("nan"): ".nan"}
    assert {shown(value) for value in cases} == set(cases.values())
    assert shown([1, None, "a"]) == '[1, null, "a"]'
    assert len(shown("x" * 500)) == 60


def test_a_document_without_a_wrong_value_is_not_mended() -> None:
    values = {
        "schema": 1,
        "name": "n",
        "models": {"m": {"name": "x"}},
        "methods": {KEY: {"module": "none"}},
        "sweep": {"model": ["m"], "method": [KEY], "target": ["xnli"]},
    }
    document, problems, mended = validate_partially(Document, RecipeFile("r.yaml", values), {})
    assert document is not None
    assert (problems, mended) == ([], set())
