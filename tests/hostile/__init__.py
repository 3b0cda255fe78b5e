"""Submissions that want points without the answer, or more than points. Each is made out of the released lesson 02.

    @hostile("forging", "name", wants=["relu"], says="a pattern of what the report says")
    def _(notebook, places): ...            changes the notebook (a dict), or returns bytes to hand in

    attack("forging", "name", "code of a cell of their own", answers={"relu": "def relu(x): …"}, says="…")

An attack's code asserts for itself that it works as far as it can inside, then prints "tried": a test looks for
that. In it SOLUTION, GRADEBOOK and NEIGHBOUR stand for the paths of what is not theirs to read, and PORT for a port that
the machine listens on.
"""

import copy
import importlib
from collections.abc import Callable
from dataclasses import dataclass

KINDS = ("forging", "reading", "evading", "tampering", "resources", "reaching out", "malformed")
UNWRITTEN = "is not written yet"
EVERYTHING = ("relu", "leaky_relu", "elu", "sigmoid", "gelu", "swish", "SwishFunction", "dead_units", "gradient_norms",
              "softmax", "log_softmax", "review_dead", "review_shift")


@dataclass(frozen=True)
class Places:
    """What there is to steal, to spoil or to reach: three paths, and a port that the machine listens on."""

    solution: str
    gradebook: str
    neighbour: str
    port: int

    def fill(self, code: str) -> str:
        """Write the paths into an attack's code."""
        for word in ("solution", "gradebook", "neighbour"):
            code = code.replace(word.upper(), repr(getattr(self, word)))
        return code.replace("PORT", str(self.port))


@dataclass(frozen=True)
class Hostile:
    """A hostile submission: what it is called, what it wants, how it is made, and what the report must say of it.

    wants   the exercises that it wants points for
    says    a pattern found in the record's sentences or in what is told about those exercises
    tries   whether "tried" must stand in the outputs: its code ran and found its own effect
    """

    kind: str
    name: str
    build: Callable[[dict, Places], bytes | dict | None]
    wants: tuple[str, ...]
    says: str
    tries: bool

    def __str__(self):
        return f"{self.kind}-{self.name}".replace(" ", "-")

    def submitted(self, released: dict, places: Places) -> bytes | dict:
        """The notebook as it is handed in: bytes, or a dict to be written as JSON."""
        notebook = copy.deepcopy(released)
        made = self.build(notebook, places)
        return notebook if made is None else made


_ALL: list[Hostile] = []


def hostile(kind: str, name: str, wants=EVERYTHING, says: str = UNWRITTEN, tries: bool = False):
    """Register a function that makes a hostile submission."""
    assert kind in KINDS

    def register(build):
        _ALL.append(Hostile(kind, name, build, tuple(wants), says, tries))
        return build

    return register


def attack(kind: str, name: str, code: str = "", answers: dict[str, str] | None = None, says: str = UNWRITTEN,
           wants=None, tries: bool = True) -> None:
    """Register a hostile submission that is a cell of their own, below the imports, and answers."""
    def build(notebook, places):
        for exercise, text in (answers or {}).items():
            answer(notebook, exercise, text)
        if code:
            add_code(notebook, places.fill(code) + ('\nprint("tried")' if tries else ""))

    hostile(kind, name, wants or tuple(answers or ()) or EVERYTHING, says, tries)(build)


def all_of_them() -> list[Hostile]:
    """Every hostile submission, in the order they stand."""
    for module in ("forging", "reading", "evading", "tampering", "resources", "reaching_out", "malformed"):
        importlib.import_module(f"{__name__}.{module}")
    return list(_ALL)


def cell_of(notebook: dict, name: str) -> dict:
    """The cell of this grade_id: "relu", "check_relu"."""
    return next(cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == name)


def answer(notebook: dict, exercise: str, text: str) -> None:
    """Write `text` into an exercise's cell."""
    cell_of(notebook, exercise)["source"] = text


def add_code(notebook: dict, code: str, place: int | None = None) -> dict:
    """Put a code cell below the imports, or at `place`; return it."""
    first = next(n for n, cell in enumerate(notebook["cells"]) if cell["cell_type"] == "code")
    cell = {"cell_type": "code", "id": f"own-{len(notebook['cells'])}", "metadata": {}, "source": code, "outputs": [],
            "execution_count": None}
    notebook["cells"].insert(first + 1 if place is None else place, cell)
    return cell


def add_text(notebook: dict, text: str) -> None:
    """Put a Markdown cell at the end."""
    notebook["cells"].append({"cell_type": "markdown", "id": f"own-{len(notebook['cells'])}", "metadata": {},
                              "source": text})
