"""An answer as it stands in the output of a question's cell: saved with the notebook, handed in, and read again.

It is data of this one form, whoever wrote it there: text, or a finite number, with the name of its question.
"""

MIME = "application/vnd.dlcourse.answer+json"
LONGEST = 200  # characters of a text
LARGEST = 1e300  # of a number, to either side


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


def _is_name(thing: object) -> bool:
    return isinstance(thing, str) and len(thing) <= LONGEST and thing.isidentifier()
