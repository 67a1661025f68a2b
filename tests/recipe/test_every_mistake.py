"""All mistakes of a recipe at once, each once: wrong types, unknown names, odd YAML, whatever stands beside them."""

from __future__ import annotations

import itertools

import pytest
from tests.recipe.conftest import SMALL, Told

MANY = """\
schema: 1
name: many
models: {mini: {nam: sandbox/mini, name: sandbox/mini}}
methods:
  a: &a {module: lora, lr: fast, rnk: 4}
  b: {<<: *a, compose: stak}
  c: {module: lorra}
  d: {compose: warm}
train: {batch: 8, epochs: three, strid: 5}
tasks:
  sandbox/nli: {limit: {tran: 5}, epoch: 2}
  mine: {kind: clasification, labels: [a, b], text: text, formt: csv, files: {train: a.csv, test: {en: b.csv}}}
  xquad: {holdout: 5, max_length: 16, no_answer: often}
sweep:
  model: [mini, mni]
  method: [a, e]
  intermediate: [none, sandbox/nlii]
  target: [sandbox/nli, mine, 5, xnl]
  seed: [1, two]
eval: {split: tset, languages: [xx]}
run: {threads: many}
"""


def test_every_mistake_is_told_at_once(told: Told) -> None:
    found = {one.split(": ", 2)[1]: one for one in told(MANY)}
    assert set(found) == {
        "models.mini.nam",
        "methods.a.lr",
        "methods.a.rnk",
        "methods.b.lr",
        "methods.b.rnk",
        "methods.b.compose",
        "methods.c.module",
        "methods.d.module",
        "train.epochs",
        "train.strid",
        "tasks.sandbox/nli.limit.tran",
        "tasks.sandbox/nli.epoch",
        "tasks.mine.kind",
        "tasks.mine.text",
        "tasks.mine.formt",
        "tasks.xquad.no_answer",
        "tasks.xquad.holdout",
        "tasks.xquad.max_length",
        "sweep.model[1]",
        "sweep.method[1]",
        "sweep.intermediate[1]",
        "sweep.target[2]",
        "sweep.target[3]",
        "sweep.seed[1]",
        "eval.split",
        "eval.languages[0]",
        "run.threads",
    }
    lines = MANY.splitlines()
    for path, one in found.items():
        number = int(one.split(":")[1])
        name = path.rpartition(".")[2].partition("[")[0]
        assert name in lines[number - 1] or name in {"module", "lr", "rnk"}, one
    assert found["methods.b.rnk"].startswith("r.yaml:5: "), "the line where it is written, by whatever way it is taken"


@pytest.mark.parametrize(
    ("old", "new", "paths"),
    [
        ("lr: 3e-3", "lr: fast, rnk: 4", ["methods.lora.lr", "methods.lora.rnk"]),
        ("max_length: 32", "max_length: long, stride: 500, clp: 1", ["train.max_length", "train.clp"]),
        ("target: [sandbox/nli]", "target: 5", ["sweep.target"]),
        ("target: [sandbox/nli]", "target: sandbox/nli", ["sweep.target"]),
        ("method: [lora]", "method: [lor]\n  exclude: [{method: l}]", ["sweep.method[0]", "sweep.exclude[0].method"]),
        ("models: {mini: {name: sandbox/mini}}", "models: mini", ["models"]),
        ("models: {mini: {name: sandbox/mini}}", "", ["models"]),
        ("name: small", "name: [small]", ["name"]),
        ("schema: 1", "schema: one", ["schema"]),
        ("train: {batch: 8", "data_root: /no/such\ntrain: {batch: x", ["data_root", "train.batch"]),
        ("train: {", "mixtures: {m: {tasks: 5}}\ntrain: {", ["mixtures.m.tasks"]),
        ("none]", "m, n]\nmixtures: {m: 5}\nrest:", ["mixtures.m", "sweep.intermediate[1]", "sweep.target", "rest"]),
        ("none]", "m]\nmodules: {m: {path: []}}\nrest:", ["modules.m.path", "sweep.target", "rest"]),
        ("seed: [1]", "seed: [-1]", ["sweep.seed[0]"]),
        ("train: {", "languages: {module: lora, text: 5}\ntrain: {", ["languages.text"]),
    ],
)  # fmt: skip
def test_what_follows_from_a_mistake_is_not_told(told: Told, old: str, new: str, paths: list[str]) -> None:
    assert old in SMALL
    found = [one.split(": ", 2)[1] for one in told(SMALL.replace(old, new))]
    assert sorted(found) == sorted(paths)


@pytest.mark.parametrize(
    ("yaml", "line", "message"),
    [
        ("  b: {module: lora}\n  b: {module: full}", 7, "methods.b: duplicate key 'b'; it is already in line 6"),
        ("  ? [a]\n  : {module: lora}", 6, "methods: a list, a mapping or an alias of them cannot be a key"),
        ("  ? {a: b}\n  : {module: lora}", 6, "methods: a list, a mapping or an alias"),
        ("  ~: {module: lora}", 6, "methods: null cannot be a key"),
        ("  b: !!omap [module: lora]", 6, "methods.b: the tag !!omap has no meaning here; remove it"),
        ("  b: !!set {module, lora}", 6, "methods.b: the tag !!set has no meaning here"),
        ("  b: !mine {module: lora}", 6, "methods.b: the tag !mine has no meaning here"),
        ("  b: {module: lora, lr: !!int fast}", 6, "methods.b.lr: 'fast' does not fit its tag int"),
        ("  b: {module: lora, lr: !!binary aGk=}", 6, "methods.b.lr: the tag !!binary has no meaning here"),
        ("  b: *c", 6, "methods.b: *c has no value; mark a value before it with &c"),
        ("  b: &b {module: lora, target: [*b]}", 6, "methods.b.target[0]: *b is inside the value that it names"),
        ("  b: {<<: lora}", 6, "methods.b.<<: << needs a mapping or a list of mappings"),
        ('  b: {module: "lo\\0ra"}', 6, "methods.b.module: the text has a zero character (U+0000)"),
        ('  b: {module: "\\ud800"}', 6, "methods.b.module: the text has half a character (U+D800)"),
    ],
)
def test_odd_yaml_is_told_beside_other_mistakes(told: Told, yaml: str, line: int, message: str) -> None:
    at = "methods:\n  lora: {module: lora, compose: warm, lr: 3e-3}\n"
    found = told(SMALL.replace(at, f"{at}{yaml}\n").replace("batch: 8", "batch: eight"))
    assert any(one.startswith(f"r.yaml:{line}: {message}") for one in found), found
    assert any(": train.batch: 'eight' does not fit" in one for one in found), "the rest is checked all the same"
    assert len(found) == 2


def test_merge_keys(told: Told) -> None:
    at = "methods:\n"
    for more in (
        "  a: &a {module: lora}\n  b: {<<: *a}\n",
        "  a: &a {module: lora}\n  c: &c {lr: 1e-3, module: full}\n  b: {<<: [*a, *c], rank: 4}\n",
        "  a: &a {module: full}\n  b: &b {<<: *a, module: lora}\n  c: {<<: *b, rank: 4}\n",
    ):
        assert told(SMALL.replace(at, at + more)) == []
    (found,) = told(
        SMALL.replace(at, "methods:\n  a: &a {module: lora}\n  c: &c {module: full}\n  b: {<<: [*c, *a], rank: 4}\n")
    )
    assert "methods.b.rank: unknown key" in found, "of several mappings the first counts"


def test_a_few_lines_of_aliases_cannot_grow_without_end(told: Told) -> None:
    names = "abcdefghi"
    lists = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{one}: &{one} [{', '.join([f'*{before}'] * 9)}]\n" for before, one in itertools.pairwise(names)
    )
    merges = "a: &a {x: 1}\n" + "".join(
        f"{one}: &{one} {{<<: [{', '.join([f'*{before}'] * 9)}]}}\n" for before, one in itertools.pairwise(names)
    )
    for bomb in (lists, merges, merges.replace("{x: 1}", "{}")):
        assert len(bomb) < 600
        (found,) = told(bomb)
        assert "aliases (*name) expand to more than 50,000 values in this recipe; use fewer aliases" in found


@pytest.mark.parametrize("text", ["[" * 5000, "{" * 5000, "a: " + "{b: " * 3000, "- " * 3000, "? " * 3000, "a: [" * 90])
def test_nesting_has_an_end(told: Told, text: str) -> None:
    (found,) = told(text)
    assert "nested more than 50 deep" in found or "this colon cannot follow a key" in found
    assert found.startswith("r.yaml:1: ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "r.yaml:1: the file is empty; a recipe is a mapping of keys"),
        (b"# nothing\n\n", "r.yaml:1: the file is empty; a recipe is a mapping of keys"),
        (b"\n- a\n", "r.yaml:2: a recipe is a mapping of keys"),
        (b"recipe\n", "r.yaml:1: a recipe is a mapping of keys"),
        (SMALL.encode("utf-16"), "r.yaml:1: is in UTF-16; save it in UTF-8"),
        (b"a: 1\nb: \xe9\n", "r.yaml:2: byte 0xE9 is not valid UTF-8; save the file in UTF-8"),
        (b"a: 1\nb: \x00\n", "r.yaml:2: the character U+0000 is not allowed in YAML; remove it"),
        (b"a: 1\nb: \x1b[2J\n", "r.yaml:2: the character U+001B is not allowed in YAML; remove it"),
        (b"a: 1\n\tb: 2\n", "r.yaml:2: the line is indented by a tab"),
        (b"a: [1\n", "r.yaml:2: a: the text ends inside a list, a mapping or a quoted text that begins in line 1"),
        (b'a: "x\n', "r.yaml:2: a: the text ends inside a list, a mapping or a quoted text"),
        (b"a: b: c\n", "r.yaml:1: this colon cannot follow a key"),
        (b"a: @b\n", "r.yaml:1: a: a value cannot begin with @; put it in quotes"),
        (b"a: 1\n---\nb: 2\n", "r.yaml:2: a second document begins here"),
        (b"%YAML 1.1\n---\na: yes\n", "r.yaml:2: a recipe is YAML 1.2, not 1.1; remove the line %YAML"),
        (b"a: 1\n" * 60_000, "r.yaml: has 300,000 bytes, but a recipe has at most 262,144"),
    ],
)
def test_what_is_no_recipe_is_one_error(told: Told, content: bytes, message: str) -> None:
    (found,) = told(content)
    assert found.startswith(message), found


def test_a_byte_order_mark_and_dates_do_no_harm(told: Told) -> None:
    assert told(b"\xef\xbb\xbf" + SMALL.encode()) == []
    assert told(SMALL.replace("name: small", "name: 2026-01-31")) == []
    files = "{train: a.csv, test: {en: b.csv}}"
    own = f"tasks: {{d: {{kind: classification, labels: [2026-01-31, 0x10], text: [t], files: {files}}}}}"
    assert told(SMALL.replace("train:", f"{own}\ntrain:")) == []


def test_hundreds_of_mistakes_are_counted(told: Told) -> None:
    keys = "".join(f"key{number}: 1\n" for number in range(150))
    found = told(SMALL + keys)
    assert len(found) == 101
    assert found[-1] == "r.yaml: and 50 more"


OWN = """\
tasks:
  t:
    kind: classification
    labels: [neg, pos]
    text: [text]
    train_language: en
    files: {train: a.csv, test: {en: b.csv}}
"""
MINE = SMALL.replace("train: {", f"{OWN}train: {{").replace("[sandbox/nli]", "[t]")


def paths(found: list[str]) -> list[str]:
    return [one.split(": ", 2)[1] for one in found]


def test_every_mistake_of_an_own_task_is_told_at_its_field(told: Told) -> None:
    assert told(MINE) == []
    wrong = MINE.replace("[neg, pos]", "[neg]").replace("text: [text]", "text: []").replace("a.csv", "a.jsonl")
    wrong = wrong.replace("b.csv", "b.jsonl").replace("train_language: en", "metrics: [seqeval_f1]")
    found = told(wrong, "tasks.t.separator=;", "tasks.t.mined=true", "tasks.t.train_language=en", "tasks.t.batch=x")
    assert paths(found) == [f"tasks.t.{f}" for f in ("batch", "text", "labels", "metrics", "mined", "separator")]
    assert [one.split(": ")[0] for one in found] == [
        "command line (tasks.t.batch=x)",
        "r.yaml:10",
        "r.yaml:9",
        "r.yaml:11",
        "command line (tasks.t.mined=true)",
        "command line (tasks.t.separator=;)",
    ]
    codes = told(MINE.replace("text: [text]", "text: [text]\n    codes:\n      0: neg\n      1: post\n      2: x"))
    assert [(one.split(": ")[0], one.split(": ")[1]) for one in codes] == [
        ("r.yaml:13", "tasks.t.codes.1"),
        ("r.yaml:14", "tasks.t.codes.2"),
    ]
    typed = told(MINE, "tasks.t.text=5", "tasks.t.tokens=x", "tasks.t.codes=[a]", "tasks.t.kid=x")
    assert paths(typed) == ["tasks.t.text", "tasks.t.kid", "tasks.t.codes[0]", "tasks.t.tokens"]


def test_a_wrong_setting_of_a_task_hides_no_joint_check(told: Told) -> None:
    holdout = ("tasks.t.holdout=5", "tasks.t.files={train: a.csv, validation: {en: c.csv}, test: {en: b.csv}}")
    assert paths(told(MINE, *holdout)) == ["tasks.t.holdout"]
    assert paths(told(MINE, *holdout, "tasks.t.batch=x")) == ["tasks.t.batch", "tasks.t.holdout"]
    assert paths(told(MINE, "tasks.t.batch=x", "tasks.t.metric=f1")) == ["tasks.t.batch", "tasks.t.metric"]
    assert paths(told(MINE, "tasks.t.holdout=x")) == ["tasks.t.holdout"]


@pytest.mark.parametrize(
    "root", ["<<: *defaults\n", "<<: 3\n", "<<: [1]\n", "--- !!omap\n", "--- !mine\n", "<<: [*a]\n"]
)
def test_a_root_that_is_unusable_hides_no_other_mistake(told: Told, root: str) -> None:
    (told_of_root, other) = told(root + SMALL.replace("lr: 3e-3", "lr: fast"))
    assert told_of_root.startswith("r.yaml:1: ")
    assert other.startswith("r.yaml:6: methods.lora.lr: 'fast' does not fit")
    (only,) = told(root + "schema: 1\n")
    assert only == told_of_root, "what the rest would be is not known"


@pytest.mark.parametrize(
    ("files", "path", "message"),
    [
        ("{train: [], test: b.csv}", "train", "is empty; write a list"),
        ("{test: {en: []}}", "test.en", "is empty; write a list"),
        ("{test: {}}", "test", "is empty; write a mapping"),
        ("{dev: a.jsonl, test: b.csv}", "dev", "'dev' is not a valid value; one of: test, train, validation"),
        ("{vaildation: {en: a.jsonl}, test: b.csv}", "vaildation", "did you mean 'validation'?"),
    ],
)
def test_files_that_name_nothing(told: Told, files: str, path: str, message: str) -> None:
    (found,) = told(MINE, f"tasks.t.files={files}")
    assert f": tasks.t.files.{path}: " in found
    assert message in found
    (built_in,) = told(SMALL, f"tasks.sandbox/nli.files={files}")
    assert f": tasks.sandbox/nli.files.{path}: " in built_in


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("eval.languages=en", "eval.languages: 'en' does not fit; write a list: [en], or all"),
        ("tasks.t.eval.languages=en", "tasks.t.eval.languages: 'en' does not fit; write a list: [en], or all"),
        ("tasks.t.languages=sw", "tasks.t.languages: 'sw' does not fit; write a list: [sw], or all"),
        ("tasks.t.labels=neg", "tasks.t.labels: 'neg' does not fit; write a list: [neg], or from training"),
        ("tasks.t.text=my text", "tasks.t.text: 'my text' does not fit; write a list, each item a text: ['my text']"),
        ("sweep.seed=1", "sweep.seed: 1 does not fit; write a list, each item a whole number from 0"),
        ("eval.languages=al", "eval.languages: 'al' is not a valid value; did you mean 'all'?"),
        ("methods.lora.compose=null", "methods.lora.compose: null is not a composition; write its name"),
        (
            "sweep.exclude=[{seed: '1'}]",
            "sweep.exclude[0].seed: '1' is text, so it is not on the axis seed; write it",
        ),
        ("sweep.exclude=[{seed: true}]", "sweep.exclude[0].seed: true is not on the axis seed; "),
        ("tasks.t.languages=[de, '']", "tasks.t.languages[1]: the name of a language is empty"),
        ("tasks.t.kind=[x]", 'tasks.t.kind: ["x"] does not fit; write a text'),
        ("tasks.t.stages=[target, target]", "tasks.t.stages[1]: 'target' appears twice"),
        ("tasks.t.languages=[en, sw, en]", "tasks.t.languages[2]: 'en' appears twice"),
        ("eval.languages=[en, en]", "eval.languages[1]: 'en' appears twice"),
        ("tasks.t.eval.languages=[en, en]", "tasks.t.eval.languages[1]: 'en' appears twice"),
        (
            "tasks.t.mlm_probability=0.155",
            "tasks.t.mlm_probability: 0.155 is not in whole percent; write 0.15 or 0.16",
        ),
        ("foo.bar=1", "foo: unknown key; one of: "),
    ],
)
def test_one_mistake_is_one_line_that_says_what_to_write(told: Told, override: str, message: str) -> None:
    (found,) = told(MINE, override)
    assert found.startswith(f"command line ({override}): {message}")


def test_whole_percents_are_taken(told: Told) -> None:
    every = [told(MINE, f"tasks.t.mlm_probability={number / 100:g}") for number in range(1, 100)]
    assert every == [[]] * 99


def test_a_bracket_that_is_not_closed_is_told_where_it_opens(told: Told) -> None:
    (found,) = told(SMALL.replace("name: small", "name: ["))
    assert found == (
        "r.yaml:2: name: a list or a mapping in brackets begins here, and line 4 neither closes nor continues it"
    )
    assert told(SMALL.replace("seed: [1]", "seed: [\n    1,\n  ]")) == []
