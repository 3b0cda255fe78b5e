"""GUIDE.md and CONTRIBUTING.md name commands, options and files that exist."""

import re
import shlex

import pytest
from lesson_files import ROOT
from nbgrader.apps import NbGraderApp

from dlcourse import cli

PAGES = [ROOT / "GUIDE.md", ROOT / "CONTRIBUTING.md"]
NEW = ("solutions/11_means/", "dlcourse/checks/means.py", "solutions/NN_name/")  # what GUIDE.md writes, and a pattern
ROOMS = "solutions|notebooks|reviews|dlcourse|tests|binder"
TYPED = re.compile(r"(?:^|`)((?:dlcourse|nbgrader) [a-z][^`#\n]*?)(?:$|`)", re.MULTILINE)
NAMED = re.compile(rf"`((?:{ROOMS})/[^` ]*|[\w.]+\.(?:py|md|toml|txt|yml))`")


def commands() -> list[str]:
    """Every command of ours or nbgrader's that stands alone on a line or between backticks."""
    return list(dict.fromkeys(found for page in PAGES for found in TYPED.findall(page.read_text())))


@pytest.mark.parametrize("command", commands())
def test_a_command_is_one_and_has_these_options(command):
    program, *words = shlex.split(command.replace("…", ""))
    if program == "dlcourse":
        cli.parser().parse_args([{"N": "1"}.get(word, word) for word in words] + missing(words))
        return
    app = NbGraderApp()
    while words and words[0] in app.subcommands:
        app = app.subcommands[words.pop(0)][0]()
    assert not app.subcommands, f"there is no command {command}"
    options = {word[2:].split("=")[0] for word in words if word.startswith("--")}
    assert options <= {*app.flags, *app.aliases}


def missing(words: list[str]) -> list[str]:
    """The lesson that a sentence leaves out, as in `dlcourse report`."""
    return ["02_activations"] if len(words) == 1 else []


def test_there_are_commands_to_try():
    assert {"dlcourse grade 02_activations --again", "nbgrader db student remove bob --force"} <= set(commands())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_file_that_is_named_is_there(page):
    named = set(NAMED.findall(page.read_text()))
    assert len(named) > 10
    assert not {name for name in named if not name.startswith(NEW) and not (ROOT / name).exists()}
