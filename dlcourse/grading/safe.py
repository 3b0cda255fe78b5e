"""What came back from a learner's process, made safe to open: text and small pictures, nothing that a browser runs."""

import base64
import binascii
import re

from nbformat import NotebookNode, v4

from .submission import clean_text

TEXT = 10_000  # characters of one output
OUTPUTS = 20  # of one cell
PICTURE = 1_500_000  # characters of base64
PNG = b"\x89PNG\r\n\x1a\n"
CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-ln-z]|\x1b(?!\[)|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]")
CODE = re.compile(r"(```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`)", re.DOTALL)
TAG = re.compile(r"<(?=[A-Za-z/!?])")


def outputs(raw) -> list[NotebookNode]:
    """The outputs of a cell from whatever a session called so."""
    kept = [output for one in (raw if isinstance(raw, list) else []) if (output := _output(one))]
    return kept[:OUTPUTS]


def markdown(source: str) -> str:
    """A learner's Markdown with its HTML shown instead of meant."""
    pieces = CODE.split(source)
    return "".join(piece if number % 2 else TAG.sub("&lt;", piece) for number, piece in enumerate(pieces))


def text(thing, limit: int = TEXT) -> str:
    """Text of at most `limit` characters, without what steers a terminal (colours stay)."""
    if not isinstance(thing, str):
        return ""
    shown = CONTROL.sub("", clean_text(thing[:limit + 1]))
    return shown if len(thing) <= limit else shown[:limit] + "\n… and more, which is left out"


def _output(one) -> NotebookNode | None:
    if not isinstance(one, dict):
        return None
    kind = one.get("output_type")
    if kind == "stream":
        name = "stderr" if one.get("name") == "stderr" else "stdout"
        return v4.new_output("stream", name=name, text=text(one.get("text")))
    if kind == "error":
        lines = one.get("traceback") if isinstance(one.get("traceback"), list) else []
        return v4.new_output("error", ename=text(one.get("ename"), 100), evalue=text(one.get("evalue"), 1000),
                             traceback=[text(line) for line in lines[:50]])
    if kind in ("display_data", "execute_result") and isinstance(one.get("data"), dict):
        data = {}
        if isinstance(one["data"].get("text/plain"), str):
            data["text/plain"] = text(one["data"]["text/plain"])
        if _is_picture(one["data"].get("image/png")):
            data["image/png"] = one["data"]["image/png"]
        return v4.new_output(kind, data=data) if data else None
    return None


def _is_picture(encoded) -> bool:
    if not isinstance(encoded, str) or len(encoded) > PICTURE:
        return False
    try:
        return base64.b64decode(encoded.strip(), validate=True).startswith(PNG)
    except (binascii.Error, ValueError):
        return False
