"""Files to begin a task with: they keep the contract as they are, and nothing that is there is touched."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from layover import kinds
from layover.cli.commands.new import FIXTURES, LONGEST, TASKS
from layover.cli.main import build_app
from layover.errors import LayoverError
from layover.recipe import load
from layover.tasks import Task
from layover.tasks._templates import filled


def new(*arguments: str) -> Result:
    return CliRunner().invoke(build_app(), ["new", "task", *arguments])


@pytest.fixture
def skeleton(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folders of a checkout; the working folder is one of them."""
    for folder in (TASKS, FIXTURES):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "tests")
    return tmp_path


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


@pytest.mark.slow
def test_what_is_written_keeps_the_contract(checkout: Path) -> None:
    def run(*arguments: str) -> str:
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(checkout / "src")}
        found = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=checkout,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.returncode == 0, found.stdout + found.stderr
        return found.stdout

    names = [f"begun_{kind}" for kind in kinds.names()]
    for name, kind in zip(names, kinds.names(), strict=True):
        said = run("layover", "new", "task", name, "--kind", kind)
        assert said.splitlines()[:2] == [str(TASKS / f"{name}.py"), str(FIXTURES / f"{name}.json")]
    listed = {row["task"]: row["kind"] for row in json.loads(run("layover", "list", "tasks", "--json"))}
    assert [listed[name] for name in names] == list(kinds.names())
    said = run("pytest", "-q", "tests/tasks/test_contract.py", "-k", "begun_")
    # metadata, hub and files alike, encoding with two tokenizers; and label order where there are labels
    labelled = {"classification", "tagging", "multilabel"}
    assert f"{4 * len(names) + len(labelled)} passed" in said


@pytest.mark.parametrize("kind", kinds.names())
@pytest.mark.parametrize("name", ["t", "t" * LONGEST], ids=["short", "long"])
def test_what_is_written_passes_the_linter(skeleton: Path, name: str, kind: str) -> None:
    assert new(name, "--kind", kind).exit_code == 0
    ruff = [sys.executable, "-m", "ruff"]
    config = ["--config", str(Path(__file__).resolve().parents[2] / "pyproject.toml"), "--no-cache"]
    for command in (["check"], ["format", "--check"]):
        found = subprocess.run([*ruff, *command, *config, str(skeleton)], capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout


RECIPE = """\
schema: 1
name: mine
models: {{mini: {{name: sandbox/mini}}}}
methods: {{head: {{module: none}}}}
sweep: {{model: [mini], method: [head], target: [NAME]}}
{declaration}
"""


@pytest.mark.parametrize("kind", kinds.names())
def test_the_declaration_for_a_recipe_reads_the_same_files(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.format(declaration=filled(kind, ".yaml", "NAME")), encoding="utf-8")
    recipe, fixture = load(path), json.loads(filled(kind, ".json", "NAME"))
    for name, text in {**fixture["files"], **fixture.get("beside", {})}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    declared = recipe.tasks["NAME"]
    task: Task = importlib.import_module(f"layover.tasks._templates.{kind}").TASK
    own = declared.locate(
        fixture["split"], fixture["language"], root=tmp_path, files=recipe.settings("NAME").model_dump()["files"]
    )
    official = task.locate(fixture["split"], fixture["language"], root=tmp_path)
    assert own is not None
    assert official is not None
    assert declared.read(own) == task.read(official)
    assert (declared.labels, declared.metrics, declared.stages) == (task.labels, task.metrics, task.stages)


def test_outside_a_checkout_it_shows_the_way_of_a_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = new("tools", "--kind", "choice")
    assert found.exit_code == 0
    assert found.stdout.startswith(f"{tmp_path} is not in a checkout of Layover")
    assert found.stdout.rstrip().endswith(filled("choice", ".yaml", "tools").rstrip())
    declared = json.loads(new("tools", "--kind", "choice", "--json").stdout)
    assert declared == {"recipe": filled("choice", ".yaml", "tools")}
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("xnli", "classification", "the task 'xnli' already exists"),
        ("sandbox", "classification", "the task 'sandbox/aligned' already exists"),
        ("none", "classification", "'none' means no intermediate"),
        ("My-Task", "classification", "did you mean 'my_task'?"),
        ("law/claims", "classification", "did you mean 'law_claims'?"),
        ("XNLI", "classification", "'XNLI' cannot be the name of a task"),
        ("_own", "classification", "did you mean 'own'?"),
        ("../own", "classification", "did you mean 'own'?"),
        ("a" * 25, "classification", "at most 24 in all"),
        ("tools", "chioce", "no kind is called 'chioce'; did you mean 'choice'?"),
    ],
)
def test_a_name_that_cannot_be_is_one_clear_error(skeleton: Path, name: str, kind: str, message: str) -> None:
    found = new(name, "--kind", kind)
    assert isinstance(found.exception, LayoverError)
    assert message in str(found.exception)
    assert found.exception.exit_code == 2
    assert files(skeleton) == []


@pytest.mark.parametrize("there", [TASKS / "tools.py", FIXTURES / "tools.json"], ids=["task", "fixture"])
def test_what_is_there_stays_as_it_is(skeleton: Path, there: Path) -> None:
    (skeleton / there).write_text("mine", encoding="utf-8")
    found = new("tools", "--kind", "choice")
    assert f"{skeleton / there} exists; nothing was written" in str(found.exception)
    assert files(skeleton) == [str(there)]
    assert (skeleton / there).read_text(encoding="utf-8") == "mine"


def test_of_two_files_both_are_written_or_none(skeleton: Path) -> None:
    (skeleton / FIXTURES / "tools.json").symlink_to(skeleton / "nowhere")  # cannot be made, and does not exist
    assert isinstance(new("tools", "--kind", "choice").exception, OSError)
    assert files(skeleton) == [str(FIXTURES / "tools.json")]


def test_it_answers_machines(skeleton: Path) -> None:
    found = new("tools", "--kind", "span", "--json")
    assert json.loads(found.stdout)["files"] == [
        str(skeleton / TASKS / "tools.py"),
        str(skeleton / FIXTURES / "tools.json"),
    ]
