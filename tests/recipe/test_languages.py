"""The recipe's section `languages`: what it means, and every mistake in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from layover.errors import RecipeError
from layover.recipe import Recipe, load

RECIPE = """\
schema: 1
name: test
models: {tiny: {name: somewhere/tiny}}
data_root: ROOT
methods:
  lora: {module: lora, rank: 4}
  mad: {module: lora, rank: 4, languages: true}
train: {batch: 32, epochs: 3, dropout: 0.1}
tasks:
  own: {kind: mlm, text: [words], train_language: tr, files: {train: tr.jsonl}, limit: {train: 9},
        max_length: 16, stride: 4}
languages:
  module: bottleneck
  reduction: 2
  invertible: true
  text: {en: sandbox/text, sw: sw.txt, tr: own}
sweep: {model: [tiny], method: [lora, mad], target: [sandbox/nli]}
"""


@pytest.fixture(autouse=True)
def root(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    root.mkdir()
    (root / "sw.txt").write_text("moja\nmbili\n", encoding="utf-8")
    (root / "tr.jsonl").write_text('{"words": "bir iki"}\n', encoding="utf-8")
    return root


def read(root: Path, *overrides: str, change: tuple[str, str] = ("", "")) -> Recipe:
    path = root.parent / "r.yaml"
    path.write_text(RECIPE.replace("ROOT", str(root)).replace(*change), encoding="utf-8")
    return load(path, overrides)


def test_texts_are_tasks_of_masked_language_modelling(root: Path) -> None:
    recipe = read(root, "languages.epochs=7", "languages.mlm_probability=0.3", "languages.limit=20")
    adapters = recipe.languages
    assert adapters is not None
    assert {name: task.kind for name, task in adapters.texts.items()} == dict.fromkeys(["en", "sw", "tr"], "mlm")
    assert (adapters.method.lr, adapters.method.dropout, adapters.seed) == (1e-4, 0.1, 1)
    assert adapters.method.module.model_dump()["reduction"] == 2
    for task in adapters.texts.values():
        settings = recipe.settings(task.name)
        assert (settings.epochs, settings.batch, settings.mlm_probability) == (7, None, 0.3)
        assert settings.limit == {"train": 20}
    assert recipe.settings(adapters.texts["tr"].name).max_length == 16, "the settings of the task that is named"
    assert recipe.settings(adapters.texts["sw"].name).files == {"train": "sw.txt"}
    assert recipe.settings("own").limit == {"train": 9}
    assert [adapters.adapter_of(language) for language in ("sw", "de")] == ["sw", None]
    fallen = read(root, "languages.fallback=en").languages
    assert fallen is not None
    assert fallen.adapter_of("de") == "en"
    assert (recipe.methods["lora"].languages, recipe.methods["mad"].languages) == (False, True)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["languages.module=bottelneck"], "languages.module: unknown module 'bottelneck'; did you mean 'bottleneck'?"),
        (
            ["languages={module: full, text: {en: sandbox/text}}"],
            "full cannot be a language adapter: it is a copy of the whole encoder",
        ),
        (
            ["languages={module: none, text: {en: sandbox/text}}"],
            "none cannot be a language adapter: it trains no part of the encoder",
        ),
        (["languages.reducton=4"], "languages.reducton: unknown key; did you mean 'reduction'?"),
        (["languages.fallbak=en"], "languages.fallbak: unknown key; did you mean 'fallback'?"),
        (["languages.fallback=de"], "languages.fallback: 'de' has no text, so it has no adapter"),
        (["languages.text={}"], "languages.text"),
        (
            ["languages.text.sw=sandbox/nli"],
            "languages.text.sw: sandbox/nli is a task of classification; a language adapter learns",
        ),
        (["languages.text.xx=sandbox/text"], "languages.text.xx: sandbox/text has no training data in 'xx'"),
        (["languages.text.sw=own"], "languages.text.sw: own has no training data in 'sw'"),
        (["languages.text.sw=sandbox/txt"], "nor a task; did you mean 'sandbox/text'?"),
        (["languages.limit=0"], "languages.limit"),
        (["languages.mlm_probability=2"], "languages.mlm_probability"),
        (["languages=null"], "methods.mad.languages: the recipe has no section `languages`"),
        (["methods.mad.module=full", "methods.mad.rank=4"], "methods.mad.rank"),
        (["methods.mad={module: full, languages: true}"], "a language adapter cannot act below full: it is"),
        (["methods.mad.languages=yes please"], "methods.mad.languages"),
        (["methods.mad.languages=false"], "languages: no method of the sweep uses these adapters"),
        (["methods.lora={module: bottleneck, invertible: true}"], "methods.lora: `invertible` changes the embeddings"),
    ],
)
def test_mistakes(root: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(RecipeError) as raised:
        read(root, *overrides)
    assert message in str(raised.value)


def test_a_sweep_that_is_narrowed_for_once_may_leave_the_adapters_unused(root: Path) -> None:
    assert read(root, "sweep.method=[lora]").languages is not None
    with pytest.raises(RecipeError, match="no method of the sweep uses these adapters"):
        read(root, change=("[lora, mad]", "[lora]"))


@pytest.mark.parametrize("text", ["5", "{}", "{en: []}"])
def test_a_wrong_text_hides_no_other_mistake_and_makes_none(root: Path, text: str) -> None:
    with pytest.raises(RecipeError) as raised:
        read(root, f"languages.text={text}", "languages.reducton=4", "languages.fallback=de")
    problems = [str(one) for one in raised.value.problems]
    assert len(problems) == 2, problems
    assert "languages.text" in problems[0]
    assert "languages.reducton: unknown key; did you mean 'reduction'?" in problems[1]
