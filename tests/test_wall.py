"""The wall: a learner's code runs in one process, the verdict is reached in another, only data crosses."""

import io
import struct
import subprocess
import sys
import zipfile
from importlib import import_module

import numpy
import pytest
import torch
from catalogue import answers
from test_catalogue import FIRST, check_of, each, seeds, verdict_on

from dlcourse.checks import wire
from dlcourse.checks.core import Check


LEARNERS_SIDE = """
import struct, sys
from dlcourse.checks import wire
from catalogue import answers
from test_catalogue import check_of
known = {str(answer): answer for answer in answers()}
sys.stdout = sys.stderr  # what an answer prints is not data
while header := sys.stdin.buffer.read(8):
    questions = wire.unpack(sys.stdin.buffer.read(struct.unpack("q", header)[0]))
    answer = known[questions["answer"]]
    freight = wire.pack(check_of(answer).ask(answer.code, questions["questions"]))
    sys.__stdout__.buffer.write(struct.pack("q", len(freight)) + freight)
    sys.__stdout__.buffer.flush()
"""


class LearnersProcess:
    """Another process that is given questions and gives observations, both packed."""

    def __init__(self, root):
        self.process = subprocess.Popen([sys.executable, "-c", LEARNERS_SIDE], cwd=root / "tests", stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def ask(self, answer, questions):
        freight = wire.pack({"answer": str(answer), "questions": questions})
        self.process.stdin.write(struct.pack("q", len(freight)) + freight)
        self.process.stdin.flush()
        size, = struct.unpack("q", self.process.stdout.read(8))
        return wire.unpack(self.process.stdout.read(size))


@pytest.fixture(scope="module")
def learner(root):
    process = LearnersProcess(root)
    yield process
    process.process.stdin.close()
    assert process.process.wait(30) == 0


# Every wrong answer, and of each exercise's right ones the first: all right ones go through the sandbox, in test_grading.
@each(answer for answer in answers() if not answer.right or answer in FIRST)
def test_the_verdict_is_the_same_from_another_process(answer, learner):
    check, seed = check_of(answer), seeds(answer)[-1]
    questions = check.questions(seed)
    apart = check.judge(questions, learner.ask(answer, questions))
    together = verdict_on(answer, seed)
    assert (apart.passed, apart.score, apart.misconception) == (
        together.passed, together.score, together.misconception)
    assert told(check, apart) == told(check, together)


def told(check, verdict) -> list[str]:
    """The lines of a message; of ranks that all raise at once, not those on the error: which one is heard is chance."""
    lines = verdict.message.splitlines()
    if hasattr(check, "ranks"):
        raised = next((n for n, line in enumerate(lines) if line.startswith("It raised")), len(lines))
        blank = next((n for n in range(raised, len(lines)) if not lines[n]), len(lines))
        del lines[raised:blank]
    return lines


def test_trees_come_back_as_they_were():
    tree = {"none": None, "bool": True, "int": 3, "text": "σ", "nan": float("nan"), "inf": float("-inf"),
            "list": [1, {"deep": [0.5]}], "half": torch.tensor([1.5], dtype=torch.bfloat16),
            "x": torch.randn(2, 3, dtype=torch.float64), "flags": torch.tensor([True, False]), "empty": torch.zeros(0, 2)}
    back = wire.unpack(wire.pack(tree))
    assert list(back) == list(tree)
    for key, value in tree.items():
        if isinstance(value, torch.Tensor):
            assert back[key].dtype == value.dtype and torch.equal(back[key], value)
        else:
            assert back[key] == value or value != value and back[key] != back[key]


class Behaviour:
    def __reduce__(self):
        return print, ("this must never run",)


@pytest.mark.parametrize("thing", [Behaviour(), print, {"deep": [object()]}, 1j], ids=["object", "function", "deep", "complex"])
def test_nothing_that_has_behaviour_is_packed(thing):
    with pytest.raises(TypeError, match="cannot cross the wall"):
        wire.pack(thing)


def zipped(**files):
    freight = io.BytesIO()
    with zipfile.ZipFile(freight, "w") as box:
        for name, content in files.items():
            box.writestr(name.replace("_", "."), content)
    return freight.getvalue()


def pickled_array():
    file = io.BytesIO()
    numpy.save(file, numpy.array([Behaviour()], dtype=object), allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize("freight", [
    b"", b"not a zip", zipped(other="{}"), zipped(tree_json="{"), zipped(tree_json='{"$tensor": 0, "dtype": "float32"}'),
    zipped(tree_json='{"$tensor": 0, "dtype": "float32"}', **{"0_npy": pickled_array()}),
    zipped(tree_json='{"$tensor": "../x", "dtype": "float32"}'), zipped(tree_json="[" * 100_000),
], ids=["empty", "no zip", "no tree", "no json", "no array", "pickle", "path", "deep"])
def test_freight_of_any_other_form_is_refused(freight, capfd):
    with pytest.raises(wire.BadFreight):
        wire.unpack(freight)
    assert "never run" not in capfd.readouterr().out


def test_freight_over_the_limit_is_refused():
    with pytest.raises(wire.BadFreight, match="more than"):
        wire.unpack(wire.pack({"x": torch.zeros(1000)}), limit=1000)


@pytest.mark.parametrize("lesson", sorted({answer.lesson for answer in answers()}))
def test_questions_are_data_too(lesson):
    for check in vars(import_module(f"dlcourse.checks.{lesson}")).values():
        if isinstance(check, Check):
            wire.pack(check.questions(seed=1))
