"""Kinds, modules and metrics to begin with: what is written works as it is, in a package and in a checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.plugins.site import describe
from typer.testing import CliRunner, Result

from layover.cli import templates
from layover.cli.commands.new import LONGEST
from layover.cli.main import build_app
from layover.errors import LayoverError

PYTHON = [sys.executable, "-m"]
THINGS = templates.things()


def new(*arguments: str | Path) -> Result:
    return CliRunner().invoke(build_app(), ["new", *map(str, arguments)])


def written(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.fixture
def skeleton(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folders of a checkout; the working folder is one of them."""
    for folder in ("kinds", "heads", "modules", "metrics"):
        (tmp_path / "src" / "layover" / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "src")
    return tmp_path


def test_each_thing_is_a_folder_of_templates() -> None:
    assert THINGS == ("kind", "metric", "module")
    assert templates.groups("kind") == ("layover.kinds", "layover.heads")


def test_packages_pass_their_own_tests_where_they_are_installed(tmp_path: Path) -> None:
    site, tests = tmp_path / "site", []
    for thing in THINGS:
        folder = tmp_path / thing
        assert new(thing, f"first_{thing}", "--package", folder).exit_code == 0
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        describe(site, project["name"], project["version"], project["entry-points"])
        (package,) = (folder / "src").iterdir()
        package.rename(site / package.name)
        tests.append(str(folder / "tests"))
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    found = subprocess.run(
        [*PYTHON, "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "5 passed" in found.stdout


@pytest.mark.slow
def test_what_stands_in_a_checkout_keeps_the_contract(checkout: Path) -> None:
    def run(*arguments: str, folder: Path = checkout) -> str:
        found = subprocess.run(
            [*PYTHON, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(checkout / "src")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.returncode == 0, found.stdout + found.stderr
        return found.stdout

    for thing in ("metric", "module"):
        said = run("layover", "new", thing, f"begun_{thing}")
        assert said.splitlines()[0] == f"src/layover/{thing}s/begun_{thing}.py"
    tests = ["tests/modules/test_modules.py", "tests/metrics/test_every_metric.py"]
    said = run("pytest", "-q", "-p", "no:cacheprovider", *tests, "-k", "begun_", folder=Path(__file__).parents[2])
    assert int(said.split(" passed")[0].rsplit(maxsplit=1)[-1]) >= 9


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("name", ["t", "t" * LONGEST], ids=["short", "long"])
def test_what_is_written_passes_the_linter(skeleton: Path, thing: str, name: str) -> None:
    assert new(thing, name).exit_code == 0
    assert new(thing, name, "--package", skeleton / "mine").exit_code == 0
    config = ["--config", str(Path(__file__).resolve().parents[2] / "pyproject.toml"), "--no-cache"]
    for command in (["check", "--ignore", "D,S101,S603,INP001,I001"], ["format", "--check"]):
        found = subprocess.run(
            [*PYTHON, "ruff", *command, *config, str(skeleton)], capture_output=True, text=True, check=False
        )
        assert found.returncode == 0, found.stdout


def test_a_package_has_all_that_an_installer_needs(tmp_path: Path) -> None:
    found = new("kind", "graded", "--package", tmp_path / "mine", "--json")
    files = json.loads(found.stdout)["files"]
    assert sorted(files) == [str(tmp_path / "mine" / name) for name in written(tmp_path / "mine")]
    assert written(tmp_path / "mine") == [
        "pyproject.toml",
        "src/layover_graded/__init__.py",
        "src/layover_graded/heads.py",
        "src/layover_graded/kinds.py",
        "tests/test_graded.py",
    ]
    project = tomllib.loads((tmp_path / "mine" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"] == {
        "layover.kinds": {"graded": "layover_graded.kinds"},
        "layover.heads": {"graded": "layover_graded.heads"},
    }
    assert project["name"] == "layover-graded"


def test_in_a_checkout_it_is_a_file_for_each_group(skeleton: Path) -> None:
    assert new("kind", "graded").stdout.splitlines()[:2] == [
        "src/layover/kinds/graded.py",
        "src/layover/heads/graded.py",
    ]
    assert written(skeleton) == ["src/layover/heads/graded.py", "src/layover/kinds/graded.py"]
    assert 'name: ClassVar[str] = "graded"' in (skeleton / "src/layover/kinds/graded.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("thing", "name", "message"),
    [
        ("module", "lora", "the module 'lora' already exists"),
        ("metric", "accuracy", "the metric 'accuracy' already exists"),
        ("kind", "span", "the kind 'span' already exists"),
        ("module", "My-Module", "'My-Module' cannot be the name of a module"),
        ("module", "My-Module", "did you mean 'my_module'?"),
        ("metric", "../x", "did you mean 'x'?"),
        ("kind", "a" * 25, "at most 24"),
    ],
)
def test_a_name_that_cannot_be_is_one_clear_error(skeleton: Path, thing: str, name: str, message: str) -> None:
    for arguments in ((), ("--package", skeleton / "mine")):
        found = new(thing, name, *arguments)
        assert isinstance(found.exception, LayoverError)
        assert message in str(found.exception)
    assert written(skeleton) == []


def test_outside_a_checkout_a_package_is_to_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = new("module", "tilt")
    assert isinstance(found.exception, LayoverError)
    assert "layover new module tilt --package FOLDER" in str(found.exception)
    assert written(tmp_path) == []


def test_what_is_there_stays_and_nothing_is_half_written(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "pyproject.toml").write_text("mine", encoding="utf-8")
    assert "exists; nothing was written" in str(new("module", "tilt", "--package", tmp_path / "mine").exception)
    assert written(tmp_path) == ["mine/pyproject.toml"]
    (tmp_path / "mine" / "pyproject.toml").unlink()
    (tmp_path / "mine" / "tests").symlink_to(tmp_path / "nowhere")  # no folder can be made here
    assert new("module", "tilt", "--package", tmp_path / "mine").exit_code != 0
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["tests"]
