"""What came back from a learner's process, made safe to open: text and small pictures, nothing that a browser runs."""

import base64
import binascii
import re
from html.parser import HTMLParser

from nbconvert.filters.markdown_mistune import InvalidNotebook, IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode, v4

from .submission import clean_text

TEXT = 10_000  # characters of one output
OUTPUTS = 20  # of one cell
PICTURE = 1_500_000  # characters of base64
ALT = 1_000  # characters of a picture's alternative text
PNG = b"\x89PNG\r\n\x1a\n"
CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-ln-z]|\x1b(?!\[)|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]")
CODE = re.compile(r"(```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`)", re.DOTALL)
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
INVISIBLE = re.compile(r"[\x00-\x20]")  # what browsers read over in an address
PASTED = "data:image/png;base64,"
TAG = re.compile(r"<(?=[A-Za-z/!?])")


def outputs(raw) -> list[NotebookNode]:
    """The outputs of a cell from whatever a session called so."""
    kept = [output for one in (raw if isinstance(raw, list) else []) if (output := _output(one))]
    return kept[:OUTPUTS]


def markdown(source: str, attached: dict | None = None) -> str:
    """A learner's Markdown with its HTML shown instead of meant; as plain text where no page can be made of it.

    attached: what `pictures` kept of what is attached to the cell.
    """
    pieces = CODE.split(source)
    shown = "".join(piece if number % 2 else TAG.sub("&lt;", piece) for number, piece in enumerate(pieces))
    return shown if _makes_a_page(shown, attached or {}) else "".join(f"    {line}\n" for line in source.splitlines())


def _makes_a_page(source: str, attached: dict) -> bool:
    """Whether nbconvert can make HTML of Markdown, with nothing in it but links and pictures from the web."""
    try:
        page = MarkdownWithMath(renderer=IPythonRenderer(escape=False, attachments=attached)).render(source)
    except (InvalidNotebook, RecursionError):  # a picture that is not attached, quotes within quotes without end
        return False
    return not any(_leads_astray(value) for value in _Addresses(page).found)


class _Addresses(HTMLParser):
    """Where a page's links lead and its pictures come from."""

    def __init__(self, page: str):
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found += [value or "" for name, value in attrs if name in ("href", "src")]


def _leads_astray(address: str) -> bool:
    """Whether a browser would do anything with an address but fetch it or write to somebody."""
    scheme = SCHEME.match(INVISIBLE.sub("", address))
    return bool(scheme) and scheme[1].lower() not in ("http", "https", "mailto") and not address.startswith(PASTED)


def pictures(attached: dict) -> dict[str, dict[str, str]]:
    """The PNG pictures attached to a Markdown cell, {name: {"image/png": base64}}, from a dict of anything."""
    kept = {}
    for name, data in list(attached.items())[:OUTPUTS]:
        picture = data.get("image/png") if isinstance(data, dict) else None
        if len(name) <= 200 and _is_picture(picture):
            kept[clean_text(name)] = {"image/png": picture}
    return kept


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
        data, metadata = {}, {}
        if isinstance(one["data"].get("text/plain"), str):
            data["text/plain"] = text(one["data"]["text/plain"])
        if _is_picture(one["data"].get("image/png")):
            data["image/png"] = one["data"]["image/png"]
            if words := _alternative_text(one.get("metadata")):
                metadata["image/png"] = {"alt": words}
        return v4.new_output(kind, data=data, metadata=metadata) if data else None
    return None


def _alternative_text(metadata) -> str:
    """What an output says of its picture in words; plain text, which the page's template escapes."""
    of_picture = metadata.get("image/png") if isinstance(metadata, dict) else None
    return text(of_picture.get("alt"), ALT) if isinstance(of_picture, dict) else ""


def _is_picture(encoded) -> bool:
    if not isinstance(encoded, str) or len(encoded) > PICTURE:
        return False
    try:
        return base64.b64decode(encoded.strip(), validate=True).startswith(PNG)
    except (binascii.Error, ValueError):
        return False
