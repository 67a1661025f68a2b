"""Names of languages are codes, and one language is written in one way in a recipe."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from layover.errors import RecipeError
from layover.recipe import load

RECIPE = """\
schema: 1
name: test
models: {tiny: {name: somewhere/tiny}}
methods:
  lora: {module: lora, lr: 1e-3}
tasks:
  mine:
    kind: classification
    labels: [a, b]
    text: [text]
    train_language: en
    languages: [sw, en]
    files: {train: a.jsonl, validation: {en: b.jsonl}, test: {en: c.jsonl, sw: d.jsonl}}
sweep:
  model: [tiny]
  method: [lora]
  intermediate: [none]
  target: [mine]
"""


def problems(tmp_path: Path, old: str, new: str) -> list[str]:
    path = tmp_path / "r.yaml"
    assert old in RECIPE
    path.write_text(RECIPE.replace(old, new), encoding="utf-8")
    with pytest.raises(RecipeError) as refused:
        load(path)
    return [str(problem).removeprefix(f"{path}:") for problem in refused.value.problems]


@pytest.mark.parametrize("name", ["", " ", "../x", "a b|c", "e\u0301", "-en", "en/sw", "{x}"])
@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("train_language: en", "train_language: NAME", "11: tasks.mine.train_language"),
        ("languages: [sw, en]", "languages: [sw, NAME]", "12: tasks.mine.languages[1]"),
        ("sw: d.jsonl", "NAME: d.jsonl", "13: tasks.mine.files.test."),
        ("{en: b.jsonl}", "{NAME: b.jsonl}", "13: tasks.mine.files.validation."),
        ("    text: [text]", "    select: {language: NAME}\n    text: [text]", "10: tasks.mine.select.language"),
        ("    text: [text]", "    where: {l: {NAME: x}}\n    text: [text]", "10: tasks.mine.where.l."),
    ],
)
def test_what_is_no_code_is_refused_once_where_it_stands(
    tmp_path: Path, old: str, new: str, where: str, name: str
) -> None:
    found = [line for line in problems(tmp_path, old, new.replace("NAME", f'"{name}"')) if where in line]
    assert len(found) == 1
    assert found[0].startswith(where)
    assert ("is empty" if not name.strip() else f"{name!r} is not the name of a language") in found[0]


def test_a_language_that_is_chosen_is_a_code_too(tmp_path: Path) -> None:
    found = problems(tmp_path, "sweep:", 'train: {select: {language: ""}}\nsweep:')
    assert found == ["14: train.select.language: the name of a language is empty; write its code, for example sw"]
    found = problems(tmp_path, "sweep:", 'eval: {languages: ["a b"]}\nsweep:')
    assert "14: eval.languages[0]: 'a b' is not the name of a language" in found[-1]


@pytest.mark.parametrize("key", ["null", "~", ""])
def test_null_is_no_key(tmp_path: Path, key: str) -> None:
    found = problems(tmp_path, "{en: c.jsonl, sw: d.jsonl}", f"{{en: c.jsonl, {key}: d.jsonl}}")
    assert found == ['13: tasks.mine.files.test: null cannot be a key; write "null" in quotes for the text']


@pytest.mark.parametrize("name", ["zh-CN", "de-en", "eng_Latn", "und", "sr-Latn-RS", "es-419"])
def test_codes_are_names(tmp_path: Path, name: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(re.sub(r"\bsw\b", name, RECIPE), encoding="utf-8")
    assert name in load(path).tasks["mine"].languages["test"]


@pytest.mark.parametrize(
    ("old", "new", "where", "first"),
    [
        ("train_language: en", "train_language: EN", "12: tasks.mine.languages[1]: 'en' and 'EN'", "11"),
        ("sw: d.jsonl", "SW: d.jsonl", "13: tasks.mine.files.test.SW: 'SW' and 'sw'", "12"),
        ("{en: b.jsonl}", "{En: b.jsonl}", "13: tasks.mine.files.validation.En: 'En' and 'en'", "11"),
    ],
)
def test_two_cases_of_one_language_are_refused_once(tmp_path: Path, old: str, new: str, where: str, first: str) -> None:
    (found,) = problems(tmp_path, old, new)
    assert found.startswith(where)
    assert found.endswith(f"r.yaml:{first}) differ only by case; use one spelling")


def test_the_case_of_a_task_of_layover_counts(tmp_path: Path) -> None:
    old = RECIPE[RECIPE.index("train_language") : RECIPE.index("sweep:")]
    files = "{train: a.jsonl, validation: {EN: b.jsonl}, test: {EN: c.jsonl}}"
    (found,) = problems(tmp_path, old, f"train_language: EN\n    files: {files}\n  xnli: {{epochs: 1}}\n")
    assert "'EN' and 'en' (the task xnli) differ only by case" in found


HELD = "    holdout: 5\n    text: [text]"


@pytest.mark.parametrize(
    ("validation", "said"),
    [
        ("validation: {en: b.jsonl}, ", "files.validation.en"),
        ("validation: {sw: b.jsonl, en: b.jsonl}, ", "files.validation.en"),
        ("validation: 'b.{language}.jsonl', ", "files.validation"),
        ("validation: b.jsonl, ", "files.validation"),
        ("validation: {sw: b.jsonl}, ", ""),
        ("", ""),
    ],
)
def test_a_hold_out_beside_a_validation_file_of_its_language(tmp_path: Path, validation: str, said: str) -> None:
    text = RECIPE.replace("validation: {en: b.jsonl}, ", validation).replace("    text: [text]", HELD)
    path = tmp_path / "r.yaml"
    path.write_text(text, encoding="utf-8")
    if not said:
        assert load(path).document.tasks["mine"].holdout == 5
        return
    with pytest.raises(RecipeError) as refused:
        load(path)
    (problem,) = refused.value.problems
    assert (problem.where, problem.path) == (f"{path}:10", "tasks.mine.holdout")
    assert problem.message == (
        f"replaces {said}, which is then not read; remove one of them (en is the language of the training data)"
    )


@pytest.mark.parametrize(("count", "fits"), [(87_598, True), (87_599, False)])
def test_a_hold_out_of_published_data_leaves_some(tmp_path: Path, count: int, fits: bool) -> None:
    text = RECIPE.replace("sweep:", f"  squad: {{holdout: {count}}}\nsweep:").replace("[none]", "[none, squad]")
    path = tmp_path / "r.yaml"
    path.write_text(text, encoding="utf-8")
    if fits:
        assert load(path).document.tasks["squad"].holdout == count
        return
    with pytest.raises(RecipeError, match=r"tasks\.squad\.holdout: a hold-out of 87599 takes all 87599 training exam"):
        load(path)
