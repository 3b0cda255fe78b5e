"""An answer as it stands in the output of a question's cell: saved with the notebook, handed in, and read again.

It is data of this one form, whoever wrote it there: text, or a finite number, with the name of its question.
"""

import ast
import math
import operator

MIME = "application/vnd.dlcourse.answer+json"
LONGEST = 200  # characters of a text
LARGEST = 1e300  # of a number, to either side
ARITHMETIC = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
              ast.Pow: operator.pow, ast.USub: operator.neg, ast.UAdd: operator.pos}


def output(question: str, answer: str | float | None) -> dict:
    """The MIME bundle that shows `answer`; None: there is none yet."""
    if answer is None:
        return {"text/plain": "No answer yet."}
    return {"text/plain": f"Your answer: {answer}", MIME: {"question": question, "answer": answer}}


def read(outputs: object) -> dict[str, str | float]:
    """{question: answer} of what stands in the outputs of a cell, which may be anything; of several the last."""
    found = {}
    for one in outputs if isinstance(outputs, list) else []:
        data = one.get("data") if isinstance(one, dict) else None
        said = data.get(MIME) if isinstance(data, dict) else None
        if isinstance(said, dict) and _is_name(said.get("question")) and is_plain(said.get("answer")):
            found[said["question"]] = said["answer"]
    return found


def is_plain(answer: object) -> bool:
    """Whether this is an answer as a widget gives it: a text that is not too long, or a finite number."""
    if isinstance(answer, str):
        return len(answer) <= LONGEST
    return type(answer) in (int, float) and abs(answer) <= LARGEST  # which nan is not


def number(text: str) -> float:
    """The number that a line comes to: "27", "1e-6", "3 / 0.8", "0.5 ** 3"; an int where it is a whole one.

    Raises ValueError, with what to write, for anything else.
    """
    try:
        value = _value(ast.parse(text[:LONGEST].strip().replace("−", "-"), mode="eval").body)
        finite = math.isfinite(value)
    except (SyntaxError, TypeError, ValueError, ArithmeticError, RecursionError, MemoryError):
        finite = False
    if not finite:
        point = " Decimals stand after a point, not a comma." if "," in text else ""
        raise ValueError(f"“{text[:40]}” is no number. Write one like 27, 0.39, 1e-6 or 0.5 ** 3.{point}")
    return int(value) if value.is_integer() and abs(value) < 2 ** 53 else value


def _is_name(thing: object) -> bool:
    return isinstance(thing, str) and len(thing) <= LONGEST and thing.isidentifier()


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and type(node.op) in ARITHMETIC:
        return ARITHMETIC[type(node.op)](_value(node.operand))
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        return ARITHMETIC[type(node.op)](_value(node.left), _value(node.right))
    raise ValueError(node)
