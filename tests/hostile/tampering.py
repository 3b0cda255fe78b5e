"""Cells and metadata changed: tags, ids, types, points, the kernel, order, copies, an older release."""

from . import EVERYTHING, UNWRITTEN, add_code, answer, cell_of, hostile

CHECKED = ("had been edited", "had been deleted", "had been copied", "metadata of", "another order")


def checks(notebook):
    """The check cells."""
    return [cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("locked")]


@hostile("tampering", "checks deleted", says="had been deleted")
def _(notebook, places):
    notebook["cells"] = [cell for cell in notebook["cells"] if cell not in checks(notebook)]


@hostile("tampering", "checks edited", says="had been edited")
def _(notebook, places):
    for cell in checks(notebook):
        cell["source"] = "2.0"


@hostile("tampering", "checks turned into Markdown", says="metadata of")
def _(notebook, places):
    for cell in checks(notebook):
        cell["cell_type"] = "markdown"
        cell.pop("outputs", None), cell.pop("execution_count", None)


@hostile("tampering", "points raised", says="metadata of")
def _(notebook, places):
    for cell in checks(notebook):
        cell["metadata"]["nbgrader"]["points"] = 1000


@hostile("tampering", "negative and endless points", says="metadata of")
def _(notebook, places):
    for number, cell in enumerate(checks(notebook)):
        cell["metadata"]["nbgrader"]["points"] = [-5, 1e308, "2", None][number % 4]


@hostile("tampering", "checks called answers", says="metadata of")
def _(notebook, places):
    for cell in checks(notebook):
        cell["metadata"]["nbgrader"] |= {"solution": True, "locked": False, "grade": False}


@hostile("tampering", "answers called graded tasks", says="metadata of")
def _(notebook, places):
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            cell["metadata"]["nbgrader"] |= {"grade": True, "task": True, "points": 50}


@hostile("tampering", "tags that skip", says=UNWRITTEN)
def _(notebook, places):
    for cell in notebook["cells"]:
        cell["metadata"]["tags"] = ["skip-execution", "raises-exception", "nbgrader-skip", "demo"]
        cell["metadata"]["dlcourse"] = {"demo": True}


@hostile("tampering", "every id the same", says="metadata of|copied|cells call themselves")
def _(notebook, places):
    notebook["cells"] = [cell for cell in notebook["cells"] if "nbgrader" in cell["metadata"]]
    for cell in notebook["cells"]:
        cell["id"] = "same"
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"]["grade_id"] = "relu"


@hostile("tampering", "two cells of one name", says="cells call themselves relu", wants=["relu"])
def _(notebook, places):
    for text in ("def relu(x):\n    return F.relu(x)", "def relu(x):\n    return x.clamp(min=0) * 0"):
        cell = add_code(notebook, text)
        cell["metadata"] = dict(cell_of(notebook, "relu")["metadata"])


@hostile("tampering", "checks copied to the front", says="had been copied")
def _(notebook, places):
    notebook["cells"][:0] = [{**cell, "source": "100"} for cell in checks(notebook)]


@hostile("tampering", "cells in another order", says="another order")
def _(notebook, places):
    notebook["cells"].reverse()


@hostile("tampering", "another kernel", says=UNWRITTEN)
def _(notebook, places):
    notebook["metadata"] = {"kernelspec": {"name": "bash", "display_name": "Bash", "language": "bash"},
                            "language_info": {"name": "bash", "file_extension": ".sh"},
                            "celltoolbar": "Create Assignment"}
    add_code(notebook, "print('tried')")


@hostile("tampering", "an answer put where another's points are", says="another order", wants=["SwishFunction", "gradient_norms"])
def _(notebook, places):
    one, other = cell_of(notebook, "relu"), cell_of(notebook, "SwishFunction")
    one["metadata"], other["metadata"] = other["metadata"], one["metadata"]
    one["id"], other["id"] = other["id"], one["id"]


@hostile("tampering", "cells of an older release", says="another lesson or another release")
def _(notebook, places):
    for name in ("leaky_relu", "check_elu"):
        cell_of(notebook, name)["metadata"]["nbgrader"]["grade_id"] = name + "_2024"


@hostile("tampering", "BEGIN SOLUTION in an answer", says="relu", wants=["relu"])
def _(notebook, places):
    answer(notebook, "relu", "### BEGIN SOLUTION\ndef relu(x):\n    return 0\n### END SOLUTION\n### BEGIN HIDDEN TESTS\n"
           "check = None\n### END HIDDEN TESTS\n### AUTOTEST relu(1)\n### HASHED AUTOTEST relu(2)")


@hostile("tampering", "an answer that redefines the check", says="SwishFunction|review_dead", wants=["review_dead", "SwishFunction"])
def _(notebook, places):
    answer(notebook, "review_dead", "review_dead = 'a'\ncheck = type('check', (), {'__getattr__': lambda s, n: print})()")


@hostile("tampering", "an answer in a cell that says it is an attachment", says="review_dead")
def _(notebook, places):
    cell = cell_of(notebook, "review_dead")
    cell |= {"cell_type": "raw", "attachments": {"a.html": {"text/html": "<script>alert(1)</script>"}}}
