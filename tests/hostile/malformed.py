"""What is no notebook, or hardly one."""

import json
import os
import stat

from . import UNWRITTEN, add_code, answer, cell_of, hostile


@hostile("malformed", "not JSON", says="JSON cannot be read")
def _(notebook, places):
    return b"\x89PNG this is a picture"


@hostile("malformed", "empty", says="JSON cannot be read")
def _(notebook, places):
    return b""


@hostile("malformed", "half a notebook", says="JSON cannot be read")
def _(notebook, places):
    return json.dumps(notebook).encode()[:5000]


@hostile("malformed", "deep JSON", says="JSON cannot be read")
def _(notebook, places):
    return b'{"cells": ' + b"[" * 200_000


@hostile("malformed", "no cells", says="no cells")
def _(notebook, places):
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}}


@hostile("malformed", "cells that are none", says="no exercise of this lesson")
def _(notebook, places):
    return {**notebook, "cells": [None, 3, "cell", [], {}, {"cell_type": []}, {"source": {"a": 1}}]}


@hostile("malformed", "a list", says="no cells")
def _(notebook, places):
    return b"[1, 2, 3]"


@hostile("malformed", "an old format", says="format 3")
def _(notebook, places):
    return {"nbformat": 3, "worksheets": [{"cells": []}]}


@hostile("malformed", "another lesson", says="another notebook")
def _(notebook, places):
    for number, cell in enumerate(notebook["cells"]):
        cell["id"] = f"cell-{number}"
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"]["grade_id"] = f"other{number}"


@hostile("malformed", "lone surrogates and NUL", says="relu|source|" + UNWRITTEN)
def _(notebook, places):
    answer(notebook, "relu", "def relu(x):\n    return '\ud800\udfff\x00'")
    cell_of(notebook, "why_relu")["source"] = "\ud800 \x00 \x1b]0;x\x07"
    return json.dumps(notebook).encode()


@hostile("malformed", "NaN and endless numbers in metadata", says="metadata of")
def _(notebook, places):
    cell_of(notebook, "check_relu")["metadata"]["nbgrader"]["points"] = float("nan")
    notebook["nbformat_minor"] = float("inf")
    notebook["cells"][0]["metadata"] = {"nbgrader": {"grade_id": 7, "points": -float("inf")}}
    return json.dumps(notebook).encode()


@hostile("malformed", "metadata of wrong types", says=UNWRITTEN)
def _(notebook, places):
    notebook["metadata"] = "none"
    for number, cell in enumerate(notebook["cells"]):
        if "nbgrader" not in cell["metadata"]:
            cell["metadata"] = [None, 3, "x", []][number % 4]
            cell["source"] = [None, 7, ["a", 3, None], {}][number % 4]
        else:
            cell["metadata"]["nbgrader"]["schema_version"] = {"deep": []}


@hostile("malformed", "40 MB of output", says=UNWRITTEN)
def _(notebook, places):
    add_code(notebook, "pass")["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * 40_000_000}]


@hostile("malformed", "two thousand cells", says=UNWRITTEN)
def _(notebook, places):
    for number in range(2_000):
        notebook["cells"].append({"cell_type": "code", "id": f"m{number}", "metadata": {}, "source": "pass", "outputs": [],
                                  "execution_count": None})


@hostile("malformed", "an answer that Python cannot read", says="relu", wants=["relu", "dead_units"])
def _(notebook, places):
    answer(notebook, "relu", "def relu(x:\n  return " + "(" * 5000)
    answer(notebook, "dead_units", "dead_units = " + "-" * 20_000 + "1")


@hostile("malformed", "an answer of magics", says="relu", wants=["relu", "dead_units"])
def _(notebook, places):
    answer(notebook, "relu", "%%bash\ncat /etc/passwd; kill -9 $PPID")
    answer(notebook, "dead_units", "!id\n%load_ext autoreload\n%run -i other.py\n%reset -f\n%pip install evil")


@hostile("malformed", "an answer nested deeper than Python goes", says="relu|dead_units", wants=["relu", "dead_units", "gelu"])
def _(notebook, places):
    answer(notebook, "relu", "def relu(x):\n    return " + " + ".join(["x"] * 4000))
    answer(notebook, "dead_units", "def dead_units(a):\n    return a" + ".a" * 4000)
    answer(notebook, "gelu", "gelu = " + "lambda x: " * 150 + "x")


# What may lie in a submission's folder: (name, what the report says, a function that fills the folder).
FOLDERS = []


def folder(name: str, says: str):
    """Register a function (folder, name of the notebook, its text, places) that fills a submission's folder."""
    return lambda fill: FOLDERS.append((name, says, fill))


@folder("a link to the solution", "is a link")
def _(place, notebook, text, places):
    (place / notebook).symlink_to(places.solution)


@folder("a link to a neighbour's notebook", "is a link")
def _(place, notebook, text, places):
    (place / notebook).symlink_to(places.neighbour)


@folder("a link to endless zeros", "is a link")
def _(place, notebook, text, places):
    (place / notebook).symlink_to("/dev/zero")


@folder("a folder in the notebook's place", "is not a file|is a link or cannot be opened")
def _(place, notebook, text, places):
    (place / notebook).mkdir()


@folder("a pipe in the notebook's place", "is not a file")
def _(place, notebook, text, places):
    os.mkfifo(place / notebook)


@folder("a socket in the notebook's place", "is not a file|cannot be opened")
def _(place, notebook, text, places):
    os.mknod(place / notebook, 0o600 | stat.S_IFSOCK)


@folder("nothing", "There is no 02_activations.ipynb")
def _(place, notebook, text, places):
    (place / "02_activations (1).ipynb").write_text(text)


@folder("modules beside it", "Beside the notebook lay")
def _(place, notebook, text, places):
    (place / notebook).write_text(text)
    for name in ("torch", "math", "dlcourse", "json", "sitecustomize", "nbgrader_config", "conftest"):
        (place / f"{name}.py").write_text("raise SystemExit('SHADOWED')")
    (place / "torch").mkdir()
    (place / "torch" / "__init__.py").write_text("raise SystemExit('SHADOWED')")


@folder("links and pickles beside it", "Beside the notebook lay")
def _(place, notebook, text, places):
    (place / notebook).write_text(text)
    (place / "answers.txt").symlink_to(places.solution)
    (place / "all").symlink_to(os.path.dirname(places.gradebook))
    (place / "weights.pkl").write_bytes(b"cos\nsystem\n(S'touch BOMB'\ntR.")
    (place / "timestamp.txt").symlink_to(places.neighbour)


@folder("a notebook for nbgrader's own files", "There is no|Beside the notebook lay")
def _(place, notebook, text, places):
    (place / notebook).write_text(text)
    (place / "<script>alert(1)<").mkdir()
    (place / "submission_secret.txt").write_text("x" * 1000)


@folder("60 MB", "MB, and over 52 are not read")
def _(place, notebook, text, places):
    with open(place / notebook, "wb") as file:
        file.truncate(60_000_000)
