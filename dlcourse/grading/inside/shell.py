"""The shell that runs a notebook's cells, and what is kept of what they print and show."""

import base64
import builtins
import importlib
import io

TEXT = 20_000  # characters of one output that are kept
OUTPUTS = 50  # of one cell


class Output(io.TextIOBase):
    """stdout or stderr of a session: what is printed, up to a limit; the rest is left out."""

    def __init__(self, name: str):
        self.name, self.parts, self.length = name, [], 0

    def writable(self):
        return True

    def write(self, text):
        if self.length < TEXT:
            self.parts.append(text[:TEXT - self.length])
        self.length += len(text)
        return len(text)

    def take(self) -> list[dict]:
        """Everything since the last time, as outputs of a cell."""
        text = "".join(self.parts) + ("\n… and more, which is left out\n" if self.length > TEXT else "")
        self.parts, self.length = [], 0
        return [{"output_type": "stream", "name": self.name, "text": text}] if text else []


def make_shell(outputs: list):
    """An IPython shell without history or colours whose displays go into `outputs`."""
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets import Type
    from traitlets.config import Config

    def keep(kind, data):
        if len(outputs) < OUTPUTS:
            outputs.append({"output_type": kind, "data": {key: value for key, value in data.items()
                                                          if isinstance(value, str)}})

    class Publisher(DisplayPublisher):
        def publish(self, data, metadata=None, source=None, **options):
            keep("display_data", _as_text(data))

    class Hook(DisplayHook):
        def write_output_prompt(self):
            pass

        def write_format_data(self, format_dict, md_dict=None):
            keep("execute_result", _as_text(format_dict))

    class Shell(InteractiveShell):
        displayhook_class = Type(Hook)
        display_pub_class = Type(Publisher)

        def enable_gui(self, gui=None):
            pass

        def _showtraceback(self, etype, evalue, stb):
            outputs.append({"output_type": "error", "ename": etype.__name__, "evalue": str(evalue)[:2000],
                            "traceback": ["\n".join(stb)[-TEXT:]]})

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "NoColor"
    config.InteractiveShell.cache_size = 1000
    shell = Shell.instance(config=config)
    builtins.display = importlib.import_module("IPython.display").display
    return shell


def _as_text(data: dict) -> dict:
    """MIME data as JSON takes it: pictures in base64."""
    return {kind: base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for kind, value in data.items()}
