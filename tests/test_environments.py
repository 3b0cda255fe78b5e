"""pyproject.toml, constraints.txt, environment.yml and binder/ are held to one list."""

import ast
import os
import re
import stat
import subprocess
import tomllib
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
CONDA_NAMES = {"pytorch-cpu": "torch"}
CONDA_ONLY = {"python", "pip"}
CHECKS_NOTEBOOKS = {"nbval"}  # the one test tool in the learner's environment: it runs notebooks and compares

# How a package shows in the code where not by an import of its own name.
SIGNS = {"scikit-learn": {"sklearn"}, "pytest-xdist": {"--dist"}, "nbval": {"--nbval", "--nbval-lax"}}

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RUN = [Requirement(line) for line in PROJECT["dependencies"]]
TEST = [Requirement(line) for line in PROJECT["optional-dependencies"]["test"]]


def constraints():
    """Return {name: Requirement} of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {canonicalize_name(each.name): each for each in map(Requirement, lines[1:])}


def conda():
    """Return {name as in pyproject.toml: Requirement} of environment.yml, python and pip included."""
    lines = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    found = [Requirement(re.sub(r"(?<![=<>!~])=(?!=)", "==", line) + ".*" * line.startswith("python="))
             for line in lines]
    return {CONDA_NAMES.get(each.name, each.name): each for each in found}


def needed():
    """Return {name: version} of all that the installed course with its tests needs, however indirectly."""
    todo, seen, versions = [*RUN, *TEST, Requirement("setuptools")], set(), {}
    while todo:
        asked = todo.pop()
        name = canonicalize_name(asked.name)
        for extra in {"", *asked.extras} - {extra for known, extra in seen if known == name}:
            seen.add((name, extra))
            parts = map(Requirement, distribution(name).requires or [])
            todo += [part for part in parts if not part.marker or part.marker.evaluate({"extra": extra})]
        versions[name] = distribution(name).version.partition("+")[0]
    return versions


@cache
def words_of_the_code(*folders):
    """Return each name imported and each string in the code at the root and in `folders`, except here."""
    files = [*ROOT.glob("*.py"), *(path for folder in folders for path in (ROOT / folder).rglob("*.py"))]
    found = set()
    for path in files:
        if path == Path(__file__).resolve():
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def test_environment_asks_for_what_the_project_asks_for_in_the_same_words():
    wanted = {each.name: each.specifier for each in RUN}
    wanted |= {each.name: each.specifier for each in TEST if each.name in CHECKS_NOTEBOOKS}
    listed = {name: each.specifier for name, each in conda().items() if name not in CONDA_ONLY}
    assert listed == wanted


def test_environment_takes_pytorch_for_the_cpu_from_conda_forge_alone():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    assert conda()["torch"].name == "pytorch-cpu"
    assert all(isinstance(line, str) for line in environment["dependencies"])  # no pip section


def test_environment_has_a_python_that_the_project_supports():
    python = conda()["python"].specifier
    assert python.contains("3.11.9") and not python.contains("3.12.0")
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains("3.11.0")


def test_binder_reads_the_same_environment_from_a_file_of_its_own():
    copy = ROOT / "binder" / "environment.yml"
    assert copy.read_bytes() == (ROOT / "environment.yml").read_bytes()
    assert not copy.is_symlink()


def test_binder_can_run_its_last_step():
    script = ROOT / "binder" / "postBuild"
    assert os.stat(script).st_mode & stat.S_IXUSR
    subprocess.run(["bash", "-n", script], check=True)
    assert "--no-deps" in script.read_text()


def test_constraints_are_exact_sorted_and_each_name_stands_once():
    first, *lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert first.startswith("# ")
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line) for line in lines)
    names = [line.partition("==")[0] for line in lines]
    assert names == sorted(set(names))


def test_constraints_are_what_these_tests_run_on():
    exact = {name: next(iter(each.specifier)).version for name, each in constraints().items()}
    assert needed() == exact


@pytest.mark.parametrize("name", constraints())
def test_the_exact_version_installs_on_the_oldest_python_supported(name):
    needs = distribution(name).metadata["Requires-Python"] or ""
    assert Requirement(f"python{needs}").specifier.contains("3.11.0")


def test_torch_is_the_version_that_the_course_was_written_for():
    assert str(constraints()["torch"]) == "torch==2.13.0"


@pytest.mark.parametrize("asked", [*RUN, *TEST, *conda().values()], ids=str)
def test_the_exact_version_is_one_that_the_list_allows(asked):
    if asked.name in CONDA_ONLY:
        assert asked.name not in constraints()
    else:
        exact = constraints()[canonicalize_name(CONDA_NAMES.get(asked.name, asked.name))]
        assert asked.specifier.contains(next(iter(exact.specifier)).version)


@pytest.mark.parametrize("name", [each.name for each in RUN])
def test_what_is_listed_is_truly_used_by_the_course(name):
    used = words_of_the_code("dlcourse", "solutions")
    assert not SIGNS.get(name, {name}).isdisjoint(used), f"{name} is listed and nothing uses it"


@pytest.mark.parametrize("name", [each.name for each in TEST])
def test_what_is_listed_for_the_tests_is_truly_used_by_them(name):
    used = words_of_the_code("tests")
    assert not SIGNS.get(name, {name}).isdisjoint(used), f"{name} is listed and no test uses it"


def test_the_six_tools_that_the_course_is_made_of_are_listed():
    assert {"jupyterlab", "torch", "matplotlib", "ipywidgets", "nbgrader", "nbval"} <= set(conda())
