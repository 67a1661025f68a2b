"""Print the lowest versions that pyproject.toml allows, as constraints for pip."""

import re
import sys
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
for requirement in PROJECT["dependencies"]:
    name, version = re.match(r"([\w.-]+)>=([\w.]+)", requirement).groups()
    sys.stdout.write(f"{name}=={version}\n")
